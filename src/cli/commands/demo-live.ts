// `sealwire demo --live`: the story between two network namespaces of this machine. Exit status 0 where all is as the KB
// says, 1 where anything is not, 3 where the machine cannot do it or somebody stopped it.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { prepareFolder } from '../../agent/demo/demo-files.ts'
import { LIVE_TITLE, writeLiveDemo } from '../../agent/live-demo/live-files.ts'
import { deviation, expectedOf } from '../../agent/live-demo/live-phases.ts'
import { type LiveRun, liveMachine, NoContact, playLiveDemo } from '../../agent/live-demo/play-live-demo.ts'
import type { Stage } from '../../agent/live-demo/stage.ts'
import { auditBytes } from '../../audit/audit-bytes.ts'
import { monotonicSeconds } from '../../base/time.ts'
import { ANSWER_IS_NO, type CommandInput, FINE, MACHINE_CANNOT, textOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'
import { type JudgedPhase, printLiveDemo, wrongsOf } from '../live-demo-text.ts'

/** Ctrl+C, or somebody ends the command or its terminal. */
class Stopped extends Error {}

export async function runLiveDemo(input: CommandInput, console: Console): Promise<number> {
  const folder = textOption(input, 'out')
  const isJson = input.options['json'] === true
  const isKept = input.options['keep'] === true
  const problem = (where: string, what: string, hint: string) => ({ severity: 'error', where, what, hint }) as const
  const alone = (['seed', 'trace'] as const).filter(key => input.options[key] !== undefined)
  if (alone.length > 0) {
    const hint = 'leave out --live, or this'
    console.problems(alone.map(key => problem(`--${key}`, 'this is of the simulated demo', hint)))
    return WRONG_INPUT
  }
  const machine = liveMachine()
  if (machine.missing.length > 0) {
    const hint = '“sealwire demo” tells the same story on a simulated wire, and needs nothing'
    const problems = machine.missing.map((what, index) =>
      problem('this machine', what, index === machine.missing.length - 1 ? hint : ''),
    )
    if (isJson) console.json({ ok: false, problems })
    console.problems(problems)
    return MACHINE_CANNOT
  }
  const prepared = folder === undefined ? undefined : prepareFolder(folder, LIVE_TITLE)
  if (prepared?.ok === false) {
    console.problems([prepared.error])
    return WRONG_INPUT
  }
  const started = monotonicSeconds()
  const planned: { stage?: Stage } = {}
  const phases = await play(console, isKept, stage => {
    planned.stage = stage
  })
  if (phases instanceof NoContact) {
    if (isJson) console.json({ ok: false, problems: [problem('the agents', 'they agreed on no keys', phases.message)] })
    console.say(`The two agents agreed on no keys. ${phases.message}`)
    return ANSWER_IS_NO
  }
  if (phases === undefined) {
    console.say('Stopped. What was made is removed.')
    return MACHINE_CANNOT
  }
  const seconds = Math.round((monotonicSeconds() - started) * 10) / 10
  const written =
    folder === undefined
      ? []
      : writeLiveDemo(
          folder,
          phases.map(({ run }) => run),
        )
  const wrongs = wrongsOf(phases)
  const hasKeyCenter = machine.missingForKerberos.length === 0
  if (isJson) {
    const kept = isKept ? { folder: planned.stage!.folder, namespaces: namespacesOf(planned.stage!) } : null
    const kerberos = hasKeyCenter ? 'kdc' : 'recorded'
    console.json({
      ok: wrongs.length === 0,
      seconds,
      kerberos,
      folder: folder ?? null,
      files: written,
      kept,
      wrongs,
      phases: phases.map(jsonOf),
    })
  } else {
    printLiveDemo(phases, { hasKeyCenter, missingForKerberos: machine.missingForKerberos }, console)
    console.print()
    for (const wrong of wrongs) console.print(console.style('redBright', `Not as it must be: ${wrong}`))
    if (wrongs.length === 0) console.print(console.style('bold', `All is as it must be, in ${Math.round(seconds)} s.`))
    if (folder !== undefined) {
      console.print(
        `Written to ${folder}: captures (.pcap), policies, certificates; keys are not told (README.md there).`,
      )
    }
  }
  if (isKept) sayWhatIsKept(planned.stage!, console)
  return wrongs.length === 0 ? FINE : ANSWER_IS_NO
}

/** Undefined where it was stopped. */
async function play(
  console: Console,
  keep: boolean,
  plan: (stage: Stage) => void,
): Promise<readonly JudgedPhase[] | NoContact | undefined> {
  const stopping = new AbortController()
  const stop = () => stopping.abort(new Stopped())
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  // They stay heard until all is removed: a second Ctrl+C must not leave half of it.
  for (const name of signals) process.on(name, stop)
  const sealwire = [process.execPath, ...process.execArgv, join(import.meta.dirname, '..', 'main.ts')] as const
  // A line that wraps cannot be replaced by the next one.
  const progress = (text: string) => console.progress(text.slice(0, console.width - 1))
  const judged: (Omit<JudgedPhase, 'kerberosSeen'> & { readonly run: LiveRun })[] = []
  try {
    const runs = playLiveDemo({ sealwire, keep, signal: stopping.signal, progress, planned: plan })
    for await (const run of runs) {
      const { phase, capture, policy } = run
      judged.push({ run, audit: auditBytes(`${phase.name}.pcap`, capture, { policy, capturePoint: 'wire', seed: 1 }) })
    }
    const seen = await Promise.all(judged.map(({ run }) => run.kerberosSeen))
    return judged.map((one, index) => ({ ...one, kerberosSeen: seen[index] }))
  } catch (error) {
    if (error instanceof Stopped) return undefined
    if (error instanceof NoContact) return error
    throw error
  } finally {
    console.progress('')
    for (const name of signals) process.off(name, stop)
  }
}

function namespacesOf({ hosts, wire }: Stage): readonly string[] {
  return [...hosts.map(({ namespace }) => namespace), wire.namespace]
}

function sayWhatIsKept(stage: Stage, console: Console): void {
  const [first] = stage.hosts
  const sealwire = existsSync('sealwire') ? './sealwire' : 'sealwire'
  console.say(`Kept, until the next “sealwire demo --live”: ${namespacesOf(stage).join(', ')}. To look:`)
  console.say(`  ${sealwire} status --state ${first.state}`)
  console.say(`  ip netns exec ${first.namespace} ping ${stage.hosts[1].address}`)
  console.say(`  ip netns exec ${stage.wire.namespace} tcpdump -n -i ${stage.wire.port}`)
}

function jsonOf({ run, audit, kerberosSeen }: JudgedPhase) {
  const { phase, packets, ike, steps } = run
  return {
    ...{ name: phase.name, noDefaultExempt: phase.value ?? null, doing: phase.doing, packets, ike },
    steps: steps.map(result => ({
      ...result,
      expected: expectedOf(phase, result.step),
      asExpected: deviation(phase, result) === undefined,
    })),
    kerberosReadByTshark: kerberosSeen?.length ?? null,
    audit: { totals: audit.totals, classes: audit.classes, findings: audit.findings },
  }
}
