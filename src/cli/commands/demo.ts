// `sealwire demo`: the story of the product in one command, on a simulated wire. Exit status 1 where our own auditor
// finds a leak in what our own hosts sent: then one of the two is wrong.
import { existsSync } from 'node:fs'
import { prepareFolder, writeDemo } from '../../agent/demo/demo-files.ts'
import { type DemoSetting, demoHosts, demoSettings } from '../../agent/demo/demo-policies.ts'
import { playDemo } from '../../agent/demo/play-demo.ts'
import type { DemoRun } from '../../agent/demo/run-demo.ts'
import { traceOf } from '../../agent/demo/trace.ts'
import { auditBytes } from '../../audit/audit-bytes.ts'
import {
  ANSWER_IS_NO,
  type CommandInput,
  type CommandSpec,
  FINE,
  jsonOption,
  textOption,
  WRONG_INPUT,
} from '../command.ts'
import type { Console } from '../console.ts'
import { type JudgedRun, printDemo, printNext } from '../demo-text.ts'
import { printTrace } from '../trace-text.ts'

const DEFAULT_SEED = 254728

export const demo: CommandSpec = {
  name: 'demo',
  summary: 'the story in one command: two domain controllers, one policy, each value of NoDefaultExempt',
  description:
    'Replays what two domain controllers said on a simulated wire, sealed as the policy decides at NoDefaultExempt absent, 0, 1, 2 and 3, ' +
    'with keys that the two agree on by IKEv2, and audits each capture. It needs no network and no rights. With --out it leaves the ' +
    'captures, the policies and certificates of both hosts, and the keys in the form of the tables of Wireshark (esp_sa and ' +
    'ikev2_decryption_table). With --live two hosts with real sockets tell the story: two network namespaces, two agents, ' +
    'Kerberos by a KDC of MIT where one is installed, and tcpdump at the bridge between them; it needs root. What it made is ' +
    'removed again, also after Ctrl+C. ' +
    'Exit status 0: nothing leaked; 1: something did, or with --live anything is not as Microsoft says; 2: the folder cannot ' +
    'be used; 3: this machine cannot do it live.',
  options: [
    {
      flags: '--out <folder>',
      key: 'out',
      description:
        'write the captures, their policies, certificates and keys there; a new folder, or one of an earlier demo',
      values: 'file',
    },
    {
      flags: '--live',
      key: 'live',
      description:
        'with real agents between two network namespaces of this machine; needs root, tcpdump, nftables and ping',
    },
    {
      flags: '--keep',
      key: 'keep',
      description:
        'with --live: leave the namespaces and all that runs there, to be looked at; the next --live removes them',
    },
    {
      flags: '--trace [value]',
      key: 'trace',
      description: 'every IKE message of the run with that value: absent, 0, 1, 2, 3 or all; left out, 1',
      values: [...demoSettings.map(({ title }) => title), 'all'],
    },
    {
      flags: '--seed <number>',
      key: 'seed',
      description: `makes the keys: the same seed gives the same captures; left out, ${DEFAULT_SEED}`,
    },
    jsonOption,
  ],
  examples: [
    'sealwire demo',
    'sealwire demo --trace',
    'sealwire demo --out demo-captures',
    'sealwire demo --json --seed 7',
    'sealwire demo --live',
  ],
  run: runDemoCommand,
}

async function runDemoCommand(input: CommandInput, console: Console): Promise<number> {
  if (input.options['live'] === true) return (await import('./demo-live.ts')).runLiveDemo(input, console)
  if (input.options['keep'] === true) {
    const what = 'there is nothing to keep: a simulated wire is gone with the command'
    console.problems([{ severity: 'error', where: '--keep', what, hint: 'add --live, or name a folder with --out' }])
    return WRONG_INPUT
  }
  const seed = readSeed(textOption(input, 'seed'), console)
  const folder = textOption(input, 'out')
  const traced = readTraced(input.options['trace'], console)
  if (seed === undefined || traced === undefined) return WRONG_INPUT
  const prepared = folder === undefined ? undefined : prepareFolder(folder)
  if (prepared?.ok === false) {
    console.problems([prepared.error])
    return WRONG_INPUT
  }
  const runs: JudgedRun[] = []
  for await (const run of playDemo(seed)) {
    const { policy, capture, setting } = run
    // We know where this was captured, so nothing clear is taken for the opened copy of something sealed.
    const audit = auditBytes(`${setting.name}.pcapng`, capture, { policy, capturePoint: 'wire', seed })
    runs.push({ run, audit })
    console.progress(`NoDefaultExempt ${setting.title}: ${run.packets} packets`)
  }
  console.progress('')
  const written =
    folder === undefined
      ? []
      : writeDemo(
          folder,
          runs.map(({ run }) => run),
        )
  if (input.options['json'] === true) console.json(jsonOf(seed, folder, written, runs, traced))
  else {
    printDemo(runs, console)
    for (const { run } of runs) if (traced.includes(run.setting)) tellTrace(run, console)
    if (folder !== undefined) tellFiles(folder, written, console)
    printNext(folder, existsSync('sealwire') ? './sealwire' : 'sealwire', console)
  }
  return runs.some(({ audit }) => audit.totals.leaked > 0) ? ANSWER_IS_NO : FINE
}

function tellFiles(folder: string, written: readonly string[], console: Console): void {
  console.print()
  console.print(console.style('bold', `Written to ${folder}`))
  const captures = written.filter(name => name.endsWith('.pcapng')).map(name => name.replace('.pcapng', ''))
  const [dc1, dc2] = demoHosts
  console.print(`  ${captures.join(', ')}:`)
  console.print(`    .pcapng, and the policies .yaml (of ${dc1.name}) and .${dc2.name}.yaml`)
  console.print(`  ${written.filter(name => !/\.(pcapng|yaml)$/.test(name)).join(', ')}`)
  console.print(
    console.style(
      'dim',
      '  The certificates and private keys are throw-away ones, made from the seed: good for trying, nothing else.',
    ),
  )
}

function tellTrace(run: DemoRun, console: Console): void {
  const [dc1, dc2] = demoHosts
  console.print()
  console.print(
    console.style(
      'bold',
      `IKE between ${dc1.name} and ${dc2.name}, NoDefaultExempt ${run.setting.title}: seconds, and each message as it is sent`,
    ),
  )
  printTrace(traceOf(run), [dc1.name, dc2.name], console)
}

/** The runs whose IKE is told; undefined where the value is none. */
function readTraced(value: CommandInput['options'][string], console: Console): readonly DemoSetting[] | undefined {
  if (value === undefined) return []
  if (value === 'all') return demoSettings
  const title = value === true ? '1' : value
  const found = demoSettings.filter(setting => setting.title === title)
  if (found.length > 0) return found
  const what = `“${String(value)}” is no value of NoDefaultExempt`
  console.problems([{ severity: 'error', where: '--trace', what, hint: 'absent, 0, 1, 2, 3 or all' }])
  return undefined
}

function readSeed(text: string | undefined, console: Console): number | undefined {
  if (text === undefined) return DEFAULT_SEED
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const what = `“${text}” is no seed`
  console.problems([{ severity: 'error', where: '--seed', what, hint: 'a number of 0 to 999999999' }])
  return undefined
}

function jsonOf(
  seed: number,
  folder: string | undefined,
  written: readonly string[],
  runs: readonly JudgedRun[],
  traced: readonly DemoSetting[],
) {
  return {
    seed,
    folder: folder ?? null,
    files: written,
    runs: runs.map(({ run, audit }) => ({
      name: run.setting.name,
      profile: run.setting.profile,
      noDefaultExempt: run.setting.noDefaultExempt ?? null,
      packets: run.packets,
      seconds: run.seconds,
      kinds: run.kinds,
      hosts: run.hosts,
      keysMade: run.keysMade,
      applications: run.applications,
      audit: { totals: audit.totals, classes: audit.classes, findings: audit.findings },
      ...(traced.includes(run.setting) ? { trace: traceOf(run) } : {}),
    })),
  }
}
