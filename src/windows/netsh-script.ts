// Whole scripts and single command lines of `netsh`, `ipsecpol` and `ipseccmd`, as Windows's administrators wrote them, run on
// policy objects. Reads text alone: no file, no program, no name server.
import type { Problem } from '../base/result.ts'
import { readScript } from './advfirewall-script.ts'
import { problem } from './connection-security-cells.ts'
import type { ConnectionSecurityPolicy } from './connection-security-rules.ts'
import { runIpsecpol } from './ipsecpol-script.ts'
import { NetshSession } from './netsh-session.ts'
import type { NetshState, NetshWorld } from './netsh-state.ts'
import { emptyStore, withOwners } from './policy-objects.ts'

export interface NetshStart {
  readonly state: NetshState
  /** Of `advfirewall`. */
  readonly rules: ConnectionSecurityPolicy
}

export interface NetshRun extends NetshStart {
  readonly problems: readonly Problem[]
  /** What the commands print, `show` above all. */
  readonly output: string
}

export const emptyNetshState: NetshState = {
  stores: { local: emptyStore, persistent: emptyStore, dynamic: emptyStore },
  location: 'local',
  config: {},
}

const programs = ['netsh', 'ipsecpol', 'ipseccmd'] as const
export type NetshProgram = (typeof programs)[number]

/** Never throws. `where` is the file's name; what a command asks for counts for those behind it. */
export function runNetshScript(text: string, where: string, start: NetshStart, world: NetshWorld): NetshRun {
  const problems: Problem[] = []
  const commands = readScript(text, where, problems, programs)
  const session = new NetshSession(start.state, start.rules, world, problems)
  let work = 0
  for (const { line, program, words, isInner } of commands) {
    if (session.hasEnded) break
    work += 10 + sizeOf(session.state)
    if (work > MOST_WORK) {
      const what =
        'the script makes more objects than can be looked through again and again: from here on it is not run'
      problems.push(problem(`${where}:${line}`, what, 'take it apart'))
      break
    }
    runOne(session, program as NetshProgram, words, `${where}:${line}`, isInner, world, problems)
  }
  return finished(session, start, problems)
}

/** Objects looked at by all commands together; a script of 1,000 rules stays below. */
const MOST_WORK = 6_000_000

function sizeOf({ stores: { local, persistent, dynamic } }: NetshState): number {
  return local.objects.length + persistent.objects.length + dynamic.objects.length
}

/** One command line, as words. */
export function runNetshLine(
  program: NetshProgram,
  words: readonly string[],
  start: NetshStart,
  world: NetshWorld,
): NetshRun {
  const problems: Problem[] = []
  const session = new NetshSession(start.state, start.rules, world, problems)
  if (program === 'netsh' && words.length === 0)
    problems.push(problem('netsh', 'the command is not whole', 'goes on with ipsec or advfirewall, or -f FILE'))
  runOne(session, program, words, program, false, world, problems)
  return finished(session, start, problems)
}

function runOne(
  session: NetshSession,
  program: NetshProgram,
  words: readonly string[],
  at: string,
  isInner: boolean,
  world: NetshWorld,
  problems: Problem[],
): void {
  if (program === 'netsh') session.run(words, at, isInner)
  else session.state = runIpsecpol(words, session.state, world, at, problems)
}

/** A store that no command touched stays the very one that it was. */
function finished(session: NetshSession, start: NetshStart, problems: readonly Problem[]): NetshRun {
  const before = start.state.stores
  const { local, persistent, dynamic } = session.state.stores
  const stores = {
    local: local === before.local ? local : withOwners(local),
    persistent: persistent === before.persistent ? persistent : withOwners(persistent),
    dynamic: dynamic === before.dynamic ? dynamic : withOwners(dynamic),
  }
  return { state: { ...session.state, stores }, rules: session.rules, problems, output: session.output.join('') }
}
