// `sealwire up`: enforces a policy on this host until it is told to go down. Exit status 0 it went down as it was asked, or
// with --detach it is up; 2 the input is wrong; 3 the machine cannot do it, or something failed while it ran.
import { spawn } from 'node:child_process'
import { closeSync, openSync, renameSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { readPlace, readToken } from '../../agent/metrics-place.ts'
import type { MonitorPlaces, Served } from '../../agent/monitor-steps.ts'
import { REGISTRY_POLICY } from '../../agent/registry-settings.ts'
import type { UpOptions } from '../../agent/start.ts'
import { prepareStateFolder, type StateFolder } from '../../agent/state-folder.ts'
import { failure, type Problem, type Result, success } from '../../base/result.ts'
import type { AgentStatus } from '../../monitor/agent-status.ts'
import { stateOf, stateOption } from '../agent-options.ts'
import {
  type CommandInput,
  type CommandSpec,
  FINE,
  MACHINE_CANNOT,
  type OptionSpec,
  textOption,
  WRONG_INPUT,
} from '../command.ts'
import type { Console, Style } from '../console.ts'
import { settingLine } from '../status-text.ts'

/** A policy of the registry names the authority of certificates and no file. */
const certificateOptions: readonly OptionSpec[] = [
  ['ca', '--ca <file>', 'for registry: the authorities by which certificates of peers are checked'],
  ['certificate', '--certificate <file>', 'for registry: the certificate that is shown'],
  ['key', '--key <file>', 'for registry: its private key'],
].map(([key, flags, description]) => ({ key: key!, flags: flags!, description: description!, values: 'file' }))

const monitorOptions: readonly OptionSpec[] = [
  {
    ...{ key: 'metrics', flags: '--metrics <place>' },
    description:
      'serve OpenMetrics, health and readiness there: 127.0.0.1:PORT, [::1]:PORT or unix:PATH; other machines are not answered',
  },
  {
    ...{ key: 'metricsToken', flags: '--metrics-token <file>' },
    description: 'a file whose first line whoever asks for metrics must show (Authorization: Bearer …)',
    values: 'file',
  },
  {
    ...{ key: 'web', flags: '--web <place>' },
    description:
      'serve the monitor’s page there, and metrics too: 127.0.0.1:PORT or [::1]:PORT, with a token, or unix:PATH',
  },
  {
    ...{ key: 'webToken', flags: '--web-token <file>' },
    description: 'a file whose first line is the token: the page is http://127.0.0.1:PORT/#token=…',
    values: 'file',
  },
]

const DATA_PLANES = ['auto', 'tun', 'frames']

export const up: CommandSpec = {
  name: 'up',
  summary: 'enforce a policy on this host: seal, hold or drop what it says',
  description:
    'Puts the guard in place (nftables: what must be sealed cannot leave in clear), starts the data plane, routes what the policy ' +
    'secures into it and negotiates keys by IKEv2. It runs until SIGTERM, Ctrl+C or “sealwire down”, and then leaves the host as it ' +
    'was found. The policy file and the files that it names are watched: a change is put in place without a lost packet, and one ' +
    'with a mistake is refused with every problem while the one in force stays; SIGHUP reads them at once. Needs root, or CAP_NET_ADMIN ' +
    'and CAP_NET_RAW. Exit status 0: it went down as asked; 2: the input is wrong; 3: the machine cannot do it.',
  options: [
    {
      flags: '--policy <file>',
      key: 'policy',
      description: 'the policy file, or registry: for what netsh assigns in the registry of --state',
      values: 'file',
      required: true,
    },
    ...certificateOptions,
    stateOption,
    {
      flags: '--data-plane <kind>',
      key: 'dataPlane',
      description:
        'what moves the packets: auto; tun (a TUN device and this process); frames (the same, with ESP past the kernel’s IP: quicker, ' +
        'and past the rules of other firewalls); left out, auto, which is tun',
      values: DATA_PLANES,
    },
    {
      flags: '--detach',
      key: 'detach',
      description: 'come back once it is up, and let it run on; it writes STATE/agent.log',
    },
    {
      flags: '--no-guard',
      key: 'noGuard',
      description: 'without the net of nftables: while the agent does not run, traffic is in clear',
    },
    {
      flags: '--keep-guard',
      key: 'keepGuard',
      description: 'leave the guard when it goes down: nothing leaves in clear then',
    },
    {
      flags: '--no-wire-watch',
      key: 'noWireWatch',
      description: 'do not look at what passes the links: nobody tells then of what leaves in clear',
    },
    ...monitorOptions,
    {
      flags: '--verbose',
      key: 'verbose',
      description: 'also write what leads nowhere: datagrams of strangers, resends',
    },
  ],
  examples: [
    'sealwire up --policy policy.yaml',
    'sealwire up --policy policy.yaml --detach',
    'sealwire up --policy registry: --state /run/sealwire-test',
    'sealwire up --policy policy.yaml --metrics 127.0.0.1:9754',
    'sealwire up --policy policy.yaml --web 127.0.0.1:9755 --web-token /etc/sealwire/web-token',
    'sealwire up --policy policy.yaml --state /run/sealwire-test --keep-guard',
  ],
  run: runUp,
}

async function runUp(input: CommandInput, console: Console): Promise<number> {
  const folder = stateOf(input)
  const problems = problemsOf(input)
  if (problems.length > 0) {
    console.problems(problems)
    return WRONG_INPUT
  }
  if (input.options['detach'] === true) return detach(input, folder, console)
  const { startAgent } = await import('../../agent/start.ts')
  const options = upOptions(input, folder, console)
  const started = await startAgent(options)
  if (started.kind === 'refused') {
    const status = started.whose === 'input' ? WRONG_INPUT : MACHINE_CANNOT
    console.problems(started.problems)
    report({ kind: 'refused', status, problems: started.problems })
    return status
  }
  report({ kind: 'up' })
  if (console.isWatched) sayWhatStands(await started.agent.status(), folder, console)
  const ending = await started.finished
  return ending.kind === 'asked' ? FINE : MACHINE_CANNOT
}

function sayWhatStands(status: AgentStatus, { path }: StateFolder, console: Console): void {
  const { policy, guard, dataPlane, addresses } = status
  console.say(`Policy ${policy.name} (${policy.source}) for ${addresses.join(', ')}; ${settingLine(status)}.`)
  console.say(
    `Guard: ${guard?.name ?? 'none'}. Data plane: ${dataPlane['device']}, ${dataPlane['engine']}. State: ${path}.`,
  )
  console.say('Ctrl+C ends it and leaves the host as it was. From here on what happens:')
}

function problemsOf(input: CommandInput): readonly Problem[] {
  const kind = textOption(input, 'dataPlane') ?? 'auto'
  const problems: Problem[] = []
  const add = (where: string, what: string, hint: string) => problems.push({ severity: 'error', where, what, hint })
  if (!DATA_PLANES.includes(kind))
    add('--data-plane', `“${kind}” is no data plane of this version`, 'write auto, tun or frames')
  if (input.options['noGuard'] === true && input.options['keepGuard'] === true) {
    add('--keep-guard', 'there is no guard to keep', 'leave out --no-guard')
  }
  const given = certificateOptions.filter(({ key }) => textOption(input, key) !== undefined)
  const isRegistry = textOption(input, 'policy') === REGISTRY_POLICY
  if (given.length > 0 && !isRegistry) add(`--${given[0]!.key}`, 'a policy file names its own files', 'leave it out')
  if (given.length > 0 && given.length < certificateOptions.length)
    add('--certificate', 'ca, certificate and key belong together', 'write all three')
  const places = readPlaces(input)
  if (!places.ok) problems.push(...places.error)
  return problems
}

function readPlaces(input: CommandInput): Result<MonitorPlaces, readonly Problem[]> {
  const [metrics, web] = [readServed(input, 'metrics'), readServed(input, 'web')]
  const problems = [metrics, web].flatMap(one => (one.ok ? [] : one.error))
  if (!metrics.ok || !web.ok || problems.length > 0) return failure(problems)
  const wrong = (what: string, hint: string) => failure([{ severity: 'error', where: '--web', what, hint } as const])
  if (web.value?.place.kind === 'port' && web.value.tokenDigest === undefined)
    return wrong('on a port everybody of this machine reaches the page', 'write --web-token with a file, or unix:PATH')
  const isSame = web.value !== undefined && isDeepStrictEqual(web.value.place, metrics.value?.place)
  if (isSame)
    return wrong('--metrics has this place already', 'leave out --metrics: the page’s place answers /metrics too')
  return success({
    ...(metrics.value === undefined ? {} : { metrics: metrics.value }),
    ...(web.value === undefined ? {} : { web: web.value }),
  })
}

function readServed(input: CommandInput, key: 'metrics' | 'web'): Result<Served | undefined, readonly Problem[]> {
  const [place, token] = [textOption(input, key), textOption(input, `${key}Token`)]
  if (place === undefined) {
    if (token === undefined) return success(undefined)
    return failure([
      { severity: 'error', where: `--${key}-token`, what: 'nothing is served', hint: `write --${key} too` },
    ])
  }
  const read = readPlace(place, `--${key}`)
  const digest = token === undefined ? success(undefined) : readToken(token)
  if (read.ok && digest.ok) return success({ place: read.value, tokenDigest: digest.value })
  return failure([read, digest].flatMap(one => (one.ok ? [] : [one.error])))
}

function upOptions(input: CommandInput, folder: StateFolder, console: Console): UpOptions {
  const places = readPlaces(input)
  return {
    ...(places.ok ? places.value : {}),
    policy: textOption(input, 'policy')!,
    ...certificateOf(input),
    state: folder.path,
    guard: input.options['noGuard'] !== true,
    keepGuard: input.options['keepGuard'] === true,
    wireWatch: input.options['noWireWatch'] !== true,
    byFrames: textOption(input, 'dataPlane') === 'frames',
    least: input.options['verbose'] === true ? 'debug' : 'info',
    ...(console.isWatched ? { paint: (level, text) => paint(console, level, text) } : {}),
  }
}

function certificateOf(input: CommandInput): Pick<UpOptions, 'certificate'> {
  const [ca, own, key] = ['ca', 'certificate', 'key'].map(name => textOption(input, name))
  if (ca === undefined || own === undefined || key === undefined) return {}
  return { certificate: { ca: resolve(ca), own: resolve(own), key: resolve(key) } }
}

const styles: Readonly<Record<'debug' | 'info' | 'warning' | 'error', Style | undefined>> = {
  debug: 'dim',
  info: undefined,
  warning: 'yellow',
  error: 'redBright',
}

function paint(console: Console, level: keyof typeof styles, text: string): string {
  const style = styles[level]
  return style === undefined ? text : console.style(style, text)
}

/** What the process that was detached says to the one that started it. */
type Report =
  | { readonly kind: 'up' }
  | { readonly kind: 'refused'; readonly status: number; readonly problems: readonly Problem[] }

function report(said: Report): void {
  if (process.send === undefined) return
  process.send(said)
  process.disconnect?.()
}

/** A log that is larger makes room when the next agent starts. */
const LARGEST_LOG = 16 * 1024 * 1024

async function detach(input: CommandInput, folder: StateFolder, console: Console): Promise<number> {
  const prepared = prepareStateFolder(folder)
  if (!prepared.ok) {
    console.problems(prepared.error)
    return WRONG_INPUT
  }
  const log = openLog(folder)
  const kind = textOption(input, 'dataPlane') ?? 'auto'
  const words = ['up', '--policy', textOption(input, 'policy')!, '--state', folder.path, '--data-plane', kind]
  const files = [...certificateOptions, ...monitorOptions].flatMap(({ key, flags }) => {
    const file = textOption(input, key)
    return file === undefined ? [] : [flags.split(' ', 1)[0]!, file]
  })
  const flags = ['noGuard', 'keepGuard', 'noWireWatch', 'verbose'].filter(key => input.options[key] === true)
  const main = join(import.meta.dirname, '..', 'main.ts')
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      main,
      ...words,
      ...files,
      ...flags.map(key => `--${key.replaceAll(/[A-Z]/g, big => `-${big.toLowerCase()}`)}`),
    ],
    { detached: true, stdio: ['ignore', log, log, 'ipc'] },
  )
  closeSync(log)
  const { promise, resolve } = Promise.withResolvers<
    Report | { readonly kind: 'ended'; readonly status: number | null }
  >()
  child.once('message', said => resolve(said as Report))
  child.once('error', error => resolve({ kind: 'refused', status: MACHINE_CANNOT, problems: [noProcess(error)] }))
  child.once('exit', status => resolve({ kind: 'ended', status }))
  const said = await promise
  if (child.connected) child.disconnect()
  child.unref()
  switch (said.kind) {
    case 'up':
      console.say(
        `Up, as process ${child.pid}. “sealwire status” shows it, “sealwire down” ends it; it writes ${folder.log}.`,
      )
      return FINE
    case 'refused':
      console.problems(said.problems)
      return said.status
    case 'ended':
      console.say(`sealwire: the agent ended before it was up (status ${said.status}); it wrote ${folder.log}`)
      return said.status === 0 || said.status === null ? MACHINE_CANNOT : said.status
  }
}

function noProcess(error: Error): Problem {
  return { severity: 'error', where: 'this machine', what: `no process could be started: ${error.message}`, hint: '' }
}

function openLog({ log }: StateFolder): number {
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0
  if (size > LARGEST_LOG) renameSync(log, `${log}.1`)
  return openSync(log, 'a', 0o600)
}
