// `sealwire ping`: pings a host and says from the wire whether request and reply were sealed. Exit status 1 where there is
// no answer, or where something stood in clear that the policy wants sealed.
import { type AgentView, viewAgent } from '../../agent/ping/agent-view.ts'
import { MOST_ECHO_OCTETS } from '../../agent/ping/echo-message.ts'
import type { OnWire } from '../../agent/ping/match-echo.ts'
import { type Pinged, type PingNews, ping as runEchoes } from '../../agent/ping/ping.ts'
import { type Asked, conclude, type EchoResult, protectionOf, summarize } from '../../agent/ping/ping-report.ts'
import { type Target, type Way, whyNoCapture } from '../../agent/ping/target.ts'
import { formatAddress } from '../../base/address.ts'
import { systemRandom } from '../../base/random.ts'
import { systemClock } from '../../base/time.ts'
import { stateOf, stateOption } from '../agent-options.ts'
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

export const ping: CommandSpec = {
  name: 'ping',
  summary: 'ping a host and say from the wire whether request and reply were sealed',
  description:
    'Sends ICMP echoes and captures on the link that they leave by. While keys are being agreed on it says “Negotiating IP ' +
    'Security.” Exit status 0: every answer was sealed, or in clear where the policy lets it; echoes that waited for keys ' +
    'are no failure; 1: no answer, or in clear without leave (without an agent: in clear); 3: captures are not allowed here.',
  arguments: [{ name: '<host>', description: 'address or name of one host' }],
  options: [
    { flags: '--count <number>', key: 'count', description: 'echoes, 1 to 100000; 4' },
    { flags: '--size <octets>', key: 'size', description: `octets of payload, 0 to ${MOST_ECHO_OCTETS}; 32` },
    { flags: '--interval <seconds>', key: 'interval', description: 'from one echo to the next, 0.01 to 3600; 1' },
    { flags: '--patience <seconds>', key: 'patience', description: 'how long an answer may take, 0.1 to 3600; 4' },
    stateOption,
    jsonOption,
  ],
  examples: ['sealwire ping 10.54.0.2', 'sealwire ping dc2.example --count 10 --size 20000 --json'],
  run: runPing,
}

async function runPing(input: CommandInput, console: Console): Promise<number> {
  const faults = new Faults()
  const [host] = input.arguments
  const number = (key: string, least: number, most: number, usual: number, isWhole = false) =>
    faults.optional(input, key, `--${key}`, text => readNumber(text, least, most, isWhole)) ?? usual
  const count = number('count', 1, 100_000, 4, true)
  const size = number('size', 0, MOST_ECHO_OCTETS, 32, true)
  const interval = number('interval', 0.01, 3600, 1)
  const patience = number('patience', 0.1, 3600, 4)
  const found = await readWay(host!, faults)
  if (!faults.areNone || found === undefined) {
    faults.say(console)
    return WRONG_INPUT
  }
  if (found.kind === 'no-way') return sayNoWay(found.target, found.name, input, console)
  const missing = whyNoCapture()
  if (missing !== undefined) {
    console.say(`sealwire: ${missing}`)
    return MACHINE_CANNOT
  }
  const { target, way } = found
  const view = await viewAgent(stateOf(input), target.address)
  const agent = typeof view === 'string' ? undefined : view
  if (view === 'forbidden')
    console.say('An agent may run here, but this user may not ask it: what the wire shows is told.')
  const isJson = input.options['json'] === true
  if (!isJson) printHead(target, way, size, agent, console)
  const stop = new AbortController()
  const onInterrupt = () => stop.abort()
  process.once('SIGINT', onInterrupt)
  try {
    const settings = { target, way, count, size, interval, patience, clock: systemClock, random: systemRandom, agent }
    // What the policy asks is known behind the first echo.
    const told = await runEchoes({ ...settings, signal: stop.signal }, (news, asked) => {
      if (isJson) sayProgress(news, console)
      else printNews(news, asked, target, size, console)
    })
    return report(told, { target, way, agent, count, size }, isJson, console)
  } finally {
    process.off('SIGINT', onInterrupt)
    agent?.close()
  }
}

interface Setting {
  readonly target: Target
  readonly way: Way
  readonly agent: AgentView | undefined
  readonly count: number
  readonly size: number
}

function report(told: Pinged, setting: Setting, isJson: boolean, console: Console): number {
  const { target, way, agent, count, size } = setting
  const { echoes, asked, lostFrames } = told
  const summary = summarize(echoes, asked)
  const conclusion = conclude(summary, asked, formatAddress(target.address))
  if (isJson) {
    console.json({
      ...{ ok: conclusion.ok, verdict: conclusion.verdict, sentence: conclusion.sentence },
      target: { asked: target.asked, address: formatAddress(target.address) },
      from: { address: formatAddress(way.own), link: way.link.name },
      agent: agent === undefined ? null : { policy: agent.policy, asks: asked },
      ...{ count, size, socket: told.socket, lostFrames, summary },
      echoes: echoes.map(echo => ({ ...echo, protection: protectionOf(echo, asked) ?? null })),
    })
  } else printSums(summary, conclusion, console)
  return conclusion.ok ? FINE : ANSWER_IS_NO
}

function sayNoWay(target: Target, name: string, input: CommandInput, console: Console): number {
  const address = formatAddress(target.address)
  const sentence = `No route leads to ${address}${name === '' ? '' : ` (${name})`}.`
  if (input.options['json'] === true) {
    console.json({ ok: false, verdict: 'no-answer', sentence, target: { asked: target.asked, address }, from: null })
  } else console.print(sentence)
  return ANSWER_IS_NO
}

function printHead({ asked, address }: Target, way: Way, size: number, agent: AgentView | undefined, console: Console) {
  const text = formatAddress(address)
  const whom = asked === text ? text : `${asked} [${text}]`
  const link = `${formatAddress(way.own)} on ${way.link.name}`
  console.print(`Pinging ${whom} from ${link} with ${size} octets of data:`)
  const policy = agent === undefined ? 'No agent answers here: only the wire is told.' : `Policy: ${agent.policy}.`
  console.print(console.style('dim', policy))
  console.print()
}

function sayProgress(news: PingNews, console: Console): void {
  if (news.kind === 'negotiating') console.say('Negotiating IP Security.')
}

function printNews(news: PingNews, asked: Asked | null, target: Target, size: number, console: Console): void {
  if (news.kind === 'negotiating') console.print(console.style('cyan', 'Negotiating IP Security.'))
  else printEcho(news.echo, asked, formatAddress(target.address), size, console)
}

function printEcho(echo: EchoResult, asked: Asked | null, host: string, size: number, console: Console): void {
  const { state, roundTripMilliseconds: time, request, reply, note } = echo
  const heads: Readonly<Record<EchoResult['state'], string>> = {
    reply: `Reply from ${host}: octets=${size} time=${time?.toFixed(3)} ms`,
    negotiating: 'Request not sent yet: keys are being agreed on.',
    'timed-out': 'Request timed out.',
    unreachable: `Unreachable: ${note}.`,
    'not-sent': `Not sent: ${note}.`,
  }
  const ways = reply === null ? `request ${wayWords(request)}` : bothWords(request, reply)
  const isSilent = state === 'negotiating' || (reply === null && request.kind === 'unseen')
  console.print(isSilent ? heads[state] : `${heads[state]}  ${mark(echo, asked, console)}${ways}`)
}

function mark(echo: EchoResult, asked: Asked | null, console: Console): string {
  switch (protectionOf(echo, asked)) {
    case 'sealed':
      return `${console.style('blueBright', 'sealed')}  `
    case 'clear':
      return `${console.style('redBright', 'CLEAR')}  `
    case 'as-asked-clear':
      if (echo.fellBack) return `${console.style('redBright', 'NOT SECURED, fell back to clear')}  `
      return `${console.style('yellow', 'in clear, as the policy lets it')}  `
    case 'unseen':
      return `${console.style('yellow', 'not seen')}  `
    default:
      return ''
  }
}

function bothWords(request: OnWire, reply: OnWire): string {
  if (request.kind === 'sealed' && reply.kind === 'sealed') {
    const same = { ...request, spi: null, certainty: reply.certainty }
    const spis = `SPI out ${request.spi}, in ${reply.spi}`
    return `${wayWords(request.certainty === reply.certainty ? same : { ...request, spi: null })}, ${spis}`
  }
  if (request.kind === 'clear' && reply.kind === 'clear') return 'request and reply'
  return `request ${wayWords(request)}, reply ${wayWords(reply)}`
}

const forms = { esp: 'ESP', 'esp-in-udp': 'ESP in UDP', ah: 'AH' } as const

function wayWords({ kind, form, algorithms, spi, certainty }: OnWire): string {
  if (kind === 'clear') return 'in clear'
  if (kind === 'unseen' || form === null) return 'not seen on the wire'
  const doubt = certainty === 'unsure' ? ', not told apart from others' : ''
  // The layers of an association name the protocol themselves.
  return `${forms[form]}${algorithms === null ? '' : ` ${algorithms.replace(/^(esp|ah) /, '')}`}${spi === null ? '' : ` SPI ${spi}`}${doubt}`
}

function printSums(
  summary: ReturnType<typeof summarize>,
  { ok, sentence }: ReturnType<typeof conclude>,
  console: Console,
): void {
  const { sent, received, lost, negotiating, sealed, clearAsAsked, clear, unseen, fellBack } = summary
  const parts = [
    `sent ${sent}, received ${received}, lost ${lost}`,
    negotiating > 0 ? `waiting for keys ${negotiating}` : '',
    `sealed ${sealed}, clear ${clear}`,
    clearAsAsked > 0 ? `clear by policy ${clearAsAsked}` : '',
    unseen > 0 ? `not seen ${unseen}` : '',
  ]
  console.print()
  console.print(`Echoes: ${parts.filter(part => part !== '').join('; ')}.`)
  const { minimumMilliseconds: least, averageMilliseconds: average, maximumMilliseconds: most } = summary
  if (least !== null) {
    const [low, middle, high] = [least, average!, most!].map(time => time.toFixed(3))
    console.print(`Round trip: minimum ${low} ms, average ${middle} ms, maximum ${high} ms.`)
  }
  console.print(console.style(ok && fellBack === 0 ? 'bold' : 'redBright', sentence))
}
