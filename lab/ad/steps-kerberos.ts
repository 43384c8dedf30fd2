// The steps that are about Kerberos itself: tickets (port 88) over UDP and TCP, small and so large that UDP needs IP
// fragments, and password changes (port 464, which no Windows default exemption covers).

import type { KerberosTransport } from './configuration.ts'
import { type Account, accounts, fullName, isOnIpv6 } from './forest.ts'
import { inside } from './namespace.ts'
import { must, type Outcome, type RunOptions, run } from './run.ts'
import { ask, type Direction, expectAnswer, freshCache, kerberos, type Step, together, type Verdict } from './step.ts'

const traceFile = '/tmp/kerberos-trace'

/** MIT's trace names who answered and how: dgram for UDP, stream for TCP. The last answer is the one that counted. */
export function lastAnswerFrom({ to }: Pick<Direction, 'to'>, transport: KerberosTransport): RegExp {
  const kind = transport === 'udp' ? 'dgram' : 'stream'
  const server = `\\[?${to.address.replaceAll('.', '\\.')}\\]?`
  return new RegExp(`Received answer \\(\\d+ bytes\\) from ${kind} ${server}:\\d+(?![\\s\\S]*Received answer)`)
}

/** The outcome with the trace behind the tool's own words: a file, since the pipes of run.ts cannot be opened by a name. */
export async function askTraced(
  direction: Direction,
  command: readonly string[],
  options: RunOptions,
): Promise<Outcome> {
  const { host } = direction.from
  await must(inside(host, ['rm', '-f', traceFile]))
  const environment = { ...options.environment, KRB5_TRACE: traceFile }
  const outcome = await ask(direction, command, { ...options, environment })
  const trace = await run(inside(host, ['cat', traceFile]))
  return { ...outcome, output: outcome.output + trace.output }
}

async function authenticate(direction: Direction, transport: KerberosTransport, account: Account): Promise<Verdict> {
  const environment = kerberos({ kdc: direction.to, transport }, '/tmp/ticket-of-authenticate')
  const outcome = await askTraced(direction, ['kinit', account.name], { input: `${account.password}\n`, environment })
  return expectAnswer(outcome, lastAnswerFrom(direction, transport))
}

async function getServiceTicket(
  direction: Direction,
  transport: KerberosTransport,
  account: Account,
): Promise<Verdict> {
  const environment = kerberos({ kdc: direction.to, transport }, await freshCache(direction, account.name))
  const service = `host/${fullName(direction.forest, direction.to)}`
  const outcome = await askTraced(direction, ['kvno', service], { environment })
  return expectAnswer(outcome, lastAnswerFrom(direction, transport))
}

/** To another password over UDP and back over TCP, so that the step can be repeated. */
async function changePassword(direction: Direction): Promise<Verdict> {
  const { name, password } = accounts.changesPassword
  const other = `${password}-changed`
  const change = async (transport: KerberosTransport, now: string, next: string): Promise<Verdict> => {
    const environment = kerberos({ kdc: direction.to, transport })
    const outcome = await askTraced(direction, ['kpasswd', name], { input: `${now}\n${next}\n${next}\n`, environment })
    return together([
      expectAnswer(outcome, /Password changed/),
      expectAnswer(outcome, lastAnswerFrom(direction, transport)),
    ])
  }
  const there = await withoutTcpTo(464, direction, () => change('udp', password, other))
  return together([there, await change('tcp', other, password)])
}

/** MIT's kpasswd asks over TCP whatever it is told, and over UDP only where TCP is refused: so refuse it on the asking side. */
async function withoutTcpTo<T>(port: number, { from, to }: Direction, action: () => Promise<T>): Promise<T> {
  const rule = (verb: string): readonly string[] =>
    inside(from.host, [
      'ip',
      isOnIpv6(to) ? '-6' : '-4',
      'rule',
      verb,
      'ipproto',
      'tcp',
      'dport',
      String(port),
      'prohibit',
    ])
  await must(rule('add'))
  try {
    return await action()
  } finally {
    await must(rule('delete'))
  }
}

export const kerberosSteps: readonly Step[] = [
  {
    name: 'as-udp',
    story: 'a ticket-granting ticket over UDP',
    run: each => authenticate(each, 'udp', accounts.alice),
  },
  { name: 'as-tcp', story: 'the same over TCP', run: each => authenticate(each, 'tcp', accounts.alice) },
  { name: 'tgs-udp', story: 'a service ticket over UDP', run: each => getServiceTicket(each, 'udp', accounts.alice) },
  { name: 'tgs-tcp', story: 'the same over TCP', run: each => getServiceTicket(each, 'tcp', accounts.alice) },
  {
    name: 'as-udp-fragments',
    story: 'a ticket for a member of 200 groups: the reply comes in IP fragments',
    run: each => authenticate(each, 'udp', accounts.bigTicket),
  },
  {
    name: 'tgs-udp-fragments',
    story: 'and with it a service ticket: request and reply come in IP fragments',
    run: each => getServiceTicket(each, 'udp', accounts.bigTicket),
  },
  { name: 'kpasswd', story: 'a password changed over UDP, and back over TCP', run: changePassword },
]
