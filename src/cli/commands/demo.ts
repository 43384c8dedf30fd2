// `sealwire demo`: the story of the product in one command, on a simulated wire. Exit status 1 where our own auditor
// finds a leak in what our own hosts sent: then one of the two is wrong.
import { existsSync } from 'node:fs'
import { prepareFolder, writeDemo } from '../../agent/demo/demo-files.ts'
import { playDemo } from '../../agent/demo/play-demo.ts'
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

const DEFAULT_SEED = 254728

export const demo: CommandSpec = {
  name: 'demo',
  summary: 'the story in one command: two domain controllers, one policy, each value of NoDefaultExempt',
  description:
    'Replays what two domain controllers said on a simulated wire, sealed as the policy decides at NoDefaultExempt absent, 0, 1, 2 and 3, ' +
    'and audits each capture. It needs no network and no rights. With --out it leaves the captures, their policies and the keys in the ' +
    "form of Wireshark's table esp_sa. Exit status 0: nothing leaked; 1: something did; 2: the folder cannot be used.",
  options: [
    {
      flags: '--out <folder>',
      key: 'out',
      description: 'write the captures, their policies and the keys there; a new folder, or one of an earlier demo',
      values: 'file',
    },
    {
      flags: '--seed <number>',
      key: 'seed',
      description: `makes the keys: the same seed gives the same captures; left out, ${DEFAULT_SEED}`,
    },
    jsonOption,
  ],
  examples: ['sealwire demo', 'sealwire demo --out demo-captures', 'sealwire demo --json --seed 7'],
  run: runDemoCommand,
}

async function runDemoCommand(input: CommandInput, console: Console): Promise<number> {
  const seed = readSeed(textOption(input, 'seed'), console)
  const folder = textOption(input, 'out')
  if (seed === undefined) return WRONG_INPUT
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
  if (input.options['json'] === true) console.json(jsonOf(seed, folder, written, runs))
  else {
    printDemo(runs, console)
    if (folder !== undefined) tellFiles(folder, written, console)
    printNext(folder, existsSync('sealwire') ? './sealwire' : 'sealwire', console)
  }
  return runs.some(({ audit }) => audit.totals.leaked > 0) ? ANSWER_IS_NO : FINE
}

function tellFiles(folder: string, written: readonly string[], console: Console): void {
  console.print()
  console.print(console.style('bold', `Written to ${folder}`))
  const captures = written.filter(name => name.endsWith('.pcapng')).map(name => name.replace('.pcapng', ''))
  console.print(`  ${captures.join(', ')}: .pcapng, and the policy .yaml`)
  console.print(`  ${written.filter(name => !/\.(pcapng|yaml)$/.test(name)).join(', ')}`)
}

function readSeed(text: string | undefined, console: Console): number | undefined {
  if (text === undefined) return DEFAULT_SEED
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const what = `“${text}” is no seed`
  console.problems([{ severity: 'error', where: '--seed', what, hint: 'a number of 0 to 999999999' }])
  return undefined
}

function jsonOf(seed: number, folder: string | undefined, written: readonly string[], runs: readonly JudgedRun[]) {
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
      applications: run.applications,
      audit: { totals: audit.totals, classes: audit.classes, findings: audit.findings },
    })),
  }
}
