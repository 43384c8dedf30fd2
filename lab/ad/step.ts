// What a step of the exercise is, and what the steps share: running a tool on the asking controller, and judging it by
// what the answering one said. A step is well only if the other controller answered: a tool that fell back to the own
// server, or to a cache, fails.

import { type KerberosChoice, kerberosPath } from './configuration.ts'
import type { RunningController } from './domain-controller.ts'
import type { Account, Forest } from './forest.ts'
import { inside } from './namespace.ts'
import { must, type Outcome, type RunOptions, run } from './run.ts'

/** One direction: `from` asks, `to` answers. */
export interface Direction {
  readonly forest: Forest
  readonly from: RunningController
  readonly to: RunningController
  /** How long one tool may take: short where everything is blocked, since every tool has long retries of its own. */
  readonly patience: number
}

export interface Verdict {
  readonly ok: boolean
  /** For a person: what the answer was, or the tool's last words. */
  readonly said: string
}

export interface Step {
  readonly name: string
  readonly story: string
  /** Why there is no such thing where the hosts have IPv6 alone. */
  readonly notOnIpv6?: string
  readonly run: (direction: Direction) => Promise<Verdict>
}

export function ask(
  { from, patience }: Direction,
  command: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> {
  return run(inside(from.host, command, patience), options)
}

/** Well if the tool succeeded and its output has this in it; what was found is reported. */
export function expectAnswer(outcome: Outcome, answer: RegExp): Verdict {
  const found = answer.exec(outcome.output)?.[0]
  if (outcome.status === 0 && found !== undefined) return { ok: true, said: found.trim() }
  // `timeout` ends with 124, or with 137 when it had to kill.
  if (outcome.status === 124 || outcome.status === 137) return { ok: false, said: 'no answer in time' }
  const words = outcome.output.trim().split('\n').at(-1) ?? ''
  return { ok: false, said: `exit status ${outcome.status}: ${words}` }
}

/** Well if all are; the first that is not speaks. */
export function together(verdicts: readonly Verdict[]): Verdict {
  return verdicts.find(each => !each.ok) ?? verdicts.at(-1) ?? { ok: false, said: 'nothing was asked' }
}

export function kerberos(choice: KerberosChoice, cache?: string): Readonly<Record<string, string>> {
  const config = { KRB5_CONFIG: kerberosPath(choice) }
  return cache === undefined ? config : { ...config, KRB5CCNAME: `FILE:${cache}` }
}

/** Kerberos from the asking controller's own KDC: then nothing of it crosses the wire in a step that is not about it. */
export function ownKerberos({ from }: Direction, cache: string): Readonly<Record<string, string>> {
  return kerberos({ kdc: from, transport: 'udp' }, cache)
}

const ticketFile = (name: string): string => `/tmp/ticket-of-${name}`

/** Once before the steps: ticket-granting tickets of the own KDC. */
export async function getTickets(direction: Direction, who: readonly Account[]): Promise<void> {
  for (const { name, password } of who) {
    const command = inside(direction.from.host, ['kinit', name])
    await must(command, { input: `${password}\n`, environment: ownKerberos(direction, ticketFile(name)) })
  }
}

/** A cache with nothing but the ticket-granting ticket: a service ticket in it would answer in place of the other controller. */
export async function freshCache({ from }: Direction, name: string): Promise<string> {
  const cache = `${ticketFile(name)}-for-one-step`
  await must(inside(from.host, ['cp', ticketFile(name), cache]))
  return cache
}

export function administrator(forest: Forest): Account {
  return { name: 'Administrator', password: forest.administratorPassword }
}
