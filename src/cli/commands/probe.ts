// `sealwire probe`: what a host answers in clear, seen from outside. Says what it will send before it sends it, and sends to
// the one host that was named. Exit status 1 where something was answered in clear.
import { whyNoCapture } from '../../agent/ping/target.ts'
import { groupsOf, type ProbeRun, probeHost } from '../../agent/probe/probe.ts'
import { concludeProbe, inClear, meaningOf, type ProbeConclusion } from '../../agent/probe/probe-conclusion.ts'
import { listProbes, type Probe, usualPorts } from '../../agent/probe/probe-list.ts'
import { formatAddress } from '../../base/address.ts'
import { systemRandom } from '../../base/random.ts'
import { failure, success } from '../../base/result.ts'
import { systemClock } from '../../base/time.ts'
import type { Cell } from '../../policy/policy-cells.ts'
import {
  ANSWER_IS_NO,
  type CommandInput,
  type CommandSpec,
  FINE,
  jsonOption,
  MACHINE_CANNOT,
  WRONG_INPUT,
} from '../command.ts'
import type { Console } from '../console.ts'
import { readNumber, readWay } from '../host-argument.ts'
import { Faults } from '../policy-question.ts'

export const probe: CommandSpec = {
  name: 'probe',
  summary: 'find out from outside what a host answers in clear',
  description:
    'Sends about twenty packets to one host, one a second: plain, from source port 88 (KB 811832) and 500, IKE, RSVP, ICMP; it ' +
    'prints them first. Probe only hosts that are yours to probe, from a host that has no policy for them. Exit status 0: ' +
    'nothing but IKE was answered in clear; 1: something was; 3: this host cannot send such packets in clear.',
  arguments: [{ name: '<host>', description: 'address or name of one host' }],
  options: [
    {
      flags: '--ports <ports>',
      key: 'ports',
      description: `TCP ports that are tried, separated by commas; ${usualPorts}`,
    },
    {
      flags: '--group',
      key: 'group',
      description: 'ask by broadcast and multicast too: every host of the network gets these two packets',
    },
    { flags: '--interval <seconds>', key: 'interval', description: 'between two packets, 0.1 to 60; 1' },
    { flags: '--patience <seconds>', key: 'patience', description: 'waited for answers behind the last, 0.1 to 60; 2' },
    { flags: '--dry-run', key: 'dryRun', description: 'print what would be sent, and send nothing' },
    jsonOption,
  ],
  examples: ['sealwire probe 10.54.0.2 --dry-run', 'sealwire probe 10.54.0.2 --ports 88,389,445 --json'],
  run: runProbe,
}

const MOST_PORTS = 16

async function runProbe(input: CommandInput, console: Console): Promise<number> {
  const faults = new Faults()
  const number = (key: string, usual: number) =>
    faults.optional(input, key, `--${key}`, text => readNumber(text, 0.1, 60, false)) ?? usual
  const ports = faults.optional(input, 'ports', '--ports', readPorts) ?? usualPorts
  const [interval, patience] = [number('interval', 1), number('patience', 2)]
  const found = await readWay(input.arguments[0]!, faults)
  if (!faults.areNone || found === undefined) {
    faults.say(console)
    return WRONG_INPUT
  }
  const address = formatAddress(found.target.address)
  if (found.kind === 'no-way') {
    console.say(`sealwire: no route leads to ${address}${found.name === '' ? '' : ` (${found.name})`}`)
    return MACHINE_CANNOT
  }
  const { way, target } = found
  const host = target.address
  const groups = input.options['group'] === true ? groupsOf(way, host) : []
  const probes = listProbes({ own: way.own, host, ports, groups, random: systemRandom })
  const isJson = input.options['json'] === true
  const about = {
    target: { asked: target.asked, address },
    from: { address: formatAddress(way.own), link: way.link.name },
    plan: { packets: probes.length, octets: octetsOf(probes), intervalSeconds: interval },
  }
  if (!isJson) printPlan(probes, { ...about, interval, patience, hasGroups: groups.length > 0 }, console)
  if (input.options['dryRun'] === true) {
    if (isJson) console.json({ ...about, dryRun: true, probes: probes.map(planned) })
    return FINE
  }
  const missing = whyNoCapture()
  if (missing !== undefined) {
    console.say(`sealwire: ${missing}`)
    return MACHINE_CANNOT
  }
  const stop = new AbortController()
  const onInterrupt = () => stop.abort()
  process.once('SIGINT', onInterrupt)
  const options = { host, way, probes, interval, patience, clock: systemClock, signal: stop.signal }
  const run = await probeHost(options, text => console.say(text)).finally(() => process.off('SIGINT', onInterrupt))
  const conclusion = concludeProbe(run.probed, run.beside)
  if (isJson) console.json({ ...about, dryRun: false, ...resultJson(run, conclusion) })
  else printResult(run, conclusion, console)
  if (conclusion.likeness === 'not-probed') return MACHINE_CANNOT
  return conclusion.answersInClear ? ANSWER_IS_NO : FINE
}

function readPorts(text: string): Cell<readonly number[]> {
  const words = text.split(',').map(word => word.trim())
  const ports = words.map(word => (/^\d{1,5}$/.test(word) ? Number(word) : 0))
  if (
    ports.every(port => port > 0 && port <= 65_535) &&
    new Set(ports).size === ports.length &&
    ports.length <= MOST_PORTS
  ) {
    return success(ports)
  }
  return failure({
    what: `“${text}” is no list of ports`,
    hint: `write 1 to ${MOST_PORTS} different ports, as in 88,445`,
  })
}

function octetsOf(probes: readonly Probe[]): number {
  return probes.reduce((sum, { message }) => sum + message.length, 0)
}

function planned({ number, class: kind, what, asks, to, protocol, message }: Probe) {
  return { number, class: kind, what, asks, to: formatAddress(to), protocol, octets: message.length }
}

function resultJson({ probed, beside, sent, resets }: ProbeRun, conclusion: ProbeConclusion) {
  return {
    ok: !conclusion.answersInClear && conclusion.likeness !== 'not-probed',
    ...conclusion,
    sent: { ...sent, kernelResets: resets },
    ...beside,
    probes: probed.map(one => ({
      ...planned(one.probe),
      hasLeft: one.hasLeft,
      answeredInClear: inClear(one),
      answers: one.answers,
      meaning: meaningOf(one, probed),
    })),
  }
}

interface Plan {
  readonly target: { readonly asked: string; readonly address: string }
  readonly from: { readonly address: string; readonly link: string }
  readonly plan: { readonly packets: number; readonly octets: number }
  readonly interval: number
  readonly patience: number
  readonly hasGroups: boolean
}

function printPlan(probes: readonly Probe[], about: Plan, console: Console): void {
  const { target, from, plan, interval, patience, hasGroups } = about
  const whom = target.asked === target.address ? target.address : `${target.asked} [${target.address}]`
  const seconds = Math.ceil((plan.packets - 1) * interval + patience)
  console.print(`To ${whom} from ${from.address} on ${from.link}, one packet every ${interval} s, ${seconds} s in all:`)
  console.print()
  const rows = probes.map(({ number, what, asks, message }) => [`${number}`, what, `${message.length} octets`, asks])
  console.table(rows, [0, 2])
  console.print()
  console.print(`${plan.packets} packets, ${plan.octets} octets behind the IP headers.`)
  if (hasGroups)
    console.print(console.style('yellow', 'Those to groups reach every host of the network, not only the one named.'))
}

function printResult({ probed, sent, resets }: ProbeRun, conclusion: ProbeConclusion, console: Console): void {
  console.print()
  const rows = probed.map(one => {
    const words = one.answers.map(answer => answer.words).join('; ')
    const style = inClear(one) ? 'redBright' : one.answers.length > 0 ? 'cyan' : 'dim'
    const answer = console.style(style, words === '' ? (one.hasLeft ? 'nothing' : 'not sent in clear') : words)
    return [`${one.probe.number}`, answer, meaningOf(one, probed)]
  })
  console.table(rows, [0])
  console.print()
  const extra =
    resets === 0 ? '' : `; this host's kernel reset ${resets === 1 ? 'one connection' : `${resets} connections`}`
  console.print(`Sent: ${sent.packets} packets, ${sent.octets} octets${extra}.`)
  for (const [index, sentence] of conclusion.sentences.entries()) {
    console.print(index > 0 ? sentence : console.style(conclusion.answersInClear ? 'redBright' : 'bold', sentence))
  }
}
