// The trial of endurance: two controllers under seal for an hour, keys that live a minute, agents restarted again and again. At the
// end everything must have arrived: each change of the directory, each octet of one long TCP connection, each answer; and not
// one packet may have left in clear.

import { existsSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { VERSION } from '../../../src/cli/version.ts'
import { compile } from '../../../src/policy/compile.ts'
import { policyPath } from '../agent.ts'
import type { Check } from '../chapter.ts'
import { fullName } from '../forest.ts'
import { policyBy } from '../judge.ts'
import { bringUp, type Lab, type Net, type Progress, takeDown, usualNet } from '../lab.ts'
import { inside } from '../namespace.ts'
import { installPackages } from '../packages.ts'
import { must, pause } from '../run.ts'
import { Scene } from '../scene.ts'
import { Changes, type ChangesSeen } from './changes.ts'
import { Questions, type QuestionsAsked } from './questions.ts'
import { type AgentLife, Lives, momentOf, planned, type Restart, restart } from './restarts.ts'
import { RollingAudit, type RollingReport } from './rolling-audit.ts'
import { openStream, type StreamEnd } from './stream.ts'

export interface EnduranceOptions {
  /** State folder of the lab, which is made for it and removed. */
  readonly directory: string
  readonly minutes: number
  /** Of both agents together. */
  readonly restarts: number
  readonly net?: Net
  readonly say: Progress
}

export interface EnduranceVerdict {
  /** Of this form. */
  readonly version: 1
  readonly sealwire: string
  /** RFC 3339, in UTC. */
  readonly made: string
  readonly ok: boolean
  readonly seconds: number
  readonly lifetimes: { readonly keys: number; readonly ike: number }
  readonly checks: readonly Check[]
  readonly changes: readonly ChangesSeen[]
  readonly stream: readonly StreamEnd[]
  readonly questions: readonly QuestionsAsked[]
  readonly restarts: readonly Restart[]
  readonly agents: readonly AgentLife[]
  readonly wire: RollingReport
}

/** Seconds. Keys of packets every minute, those of IKE every five. */
const lifetimes = { keys: 60, ike: 300 }

export async function endure(options: EnduranceOptions): Promise<EnduranceVerdict> {
  const { directory, net = usualNet, say } = options
  if (existsSync(directory)) throw new Error(`${directory} exists: this trial makes a lab of its own`)
  await installPackages()
  const lab = await bringUp(directory, say, { net })
  try {
    const scene = new Scene(lab, directory, { folder: `${directory}/told`, length: 'whole', say })
    scene.begin('endurance')
    return await trial(lab, scene, options)
  } finally {
    await takeDown(directory)
  }
}

async function trial(lab: Lab, scene: Scene, { directory, minutes, restarts, say }: EnduranceOptions) {
  const [first, second] = lab.controllers
  if (first === undefined || second === undefined) throw new Error('the trial needs two controllers')
  await scene.secure({ profile: 'windows-2000-sp1', noDefaultExempt: 1, lifetimes })
  const policy = compile(policyBy({ policyFile: `${scene.agents[0]!.settings}/${policyPath.split('/').at(-1)}` }))
  const lives = new Lives()
  for (const agent of scene.agents) await lives.begins(agent)
  const audit = await RollingAudit.begin(lab.wire, `${directory}/pieces`, policy)
  const since = performance.now()
  const elapsed = () => (performance.now() - since) / 1000
  const isOver = () => elapsed() > minutes * 60
  const changes = [new Changes(lab.forest, first, second), new Changes(lab.forest, second, first)]
  const questions = new Questions(lab)
  const stream = await openStream(first, second)
  const done: Restart[] = []
  const interrupting = async () => {
    for (let index = 0; index < restarts; index++) {
      const due = momentOf(index, restarts, minutes * 60)
      while (elapsed() < due) await pause(Math.min(1000, (due - elapsed()) * 1000 + 1))
      const { host, how } = planned(index, scene.agents.length)
      const [agent, other] = [scene.agents[host]!, scene.agents[(host + 1) % scene.agents.length]!]
      try {
        done.push(await restart(agent, other, how, { lives, since }))
        const words = `${agent.name} restarted (${how}): ${done.at(-1)!.silentSeconds.toFixed(1)} s without a word`
        say(`  ${words}`)
      } catch (error) {
        if (isInterruption(error)) throw error
        // One restart is missing then, which is checked; everything else goes on.
        say(`  ${agent.name} did not restart (${how}): ${String(error)}`)
        await agent.sealwire('up', '--policy', policyPath, '--detach')
      }
    }
  }
  const telling = async () => {
    for (let minute = 1; !isOver(); await pause(1000)) {
      if (elapsed() < minute * 60) continue
      say(nowInWords(elapsed(), changes, stream.now(), audit.state))
      minute++
    }
  }
  const working = [...changes, questions].map(each => each.keepOn(isOver))
  for (const problem of await problemsOf([...working, interrupting(), telling()])) {
    scene.check('everything goes on to the end', false, problem)
  }
  const ends = await stream.stop()
  const isSame = await areAlike(lab)
  for (const agent of scene.agents) await lives.ends(agent)
  const wire = await audit.stop()
  const parts = {
    changes: changes.map(({ state }) => state),
    stream: ends,
    questions: questions.state,
    restarts: done,
    agents: lives.ended,
    wire,
  }
  judgeTrial(scene, parts, { restarts, minutes, isSame })
  const { checks } = scene.told
  return {
    version: 1,
    sealwire: VERSION,
    made: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    ok: checks.every(({ ok }) => ok),
    seconds: elapsed(),
    lifetimes,
    checks,
    ...parts,
  } satisfies EnduranceVerdict
}

/** When all have ended: what is still at work must not act in a lab that is being taken down. */
async function problemsOf(work: readonly Promise<void>[]): Promise<readonly string[]> {
  const outcomes = await Promise.allSettled(work)
  const reasons: unknown[] = outcomes.flatMap(each => (each.status === 'rejected' ? [each.reason] : []))
  const interruption = reasons.find(isInterruption)
  if (interruption !== undefined) throw interruption
  return reasons.map(String)
}

function isInterruption(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

/** Samba's own comparison of the two directories, object by object; what is wrong, or nothing. */
async function areAlike({ controllers: [first, second], forest }: Lab): Promise<string> {
  if (first === undefined || second === undefined) return 'there are not two'
  const who = ['-U', `Administrator%${forest.administratorPassword}`]
  // By name: Samba's own tools take no address of IPv6 in a URL.
  const places = [first, second].map(controller => `ldap://${fullName(forest, controller)}`)
  const parts = ['domain', 'configuration', 'schema', 'dnsdomain', 'dnsforest']
  try {
    await must(inside(first.host, ['samba-tool', 'ldapcmp', ...places, ...parts, ...who], 120))
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

type Parts = Pick<EnduranceVerdict, 'changes' | 'stream' | 'questions' | 'restarts' | 'agents' | 'wire'>

interface Due {
  readonly restarts: number
  readonly minutes: number
  readonly isSame: string
}

function judgeTrial(scene: Scene, parts: Parts, { restarts, minutes, isSame }: Due): void {
  for (const { from, to, made, seen } of parts.changes) {
    const words = `${seen} of ${made}`
    scene.check(`changes of ${from}'s directory are seen on ${to}`, made > 0 && seen === made, words)
  }
  scene.check('the two directories are alike', isSame === '', isSame === '' ? 'by samba-tool ldapcmp' : isSame)
  for (const [end, other] of pairs(parts.stream)) {
    const { wrongAt, error, ended, received } = end
    const ok = wrongAt === null && error === null && ended && received === other.sent && received > 0
    const seen = `${received} of ${other.sent}${wrongAt === null ? '' : `, wrong at ${wrongAt}`}${error === null ? '' : `, ${error}`}`
    scene.check(`octets of one TCP connection from ${other.host} arrive at ${end.host}, in order`, ok, seen)
  }
  const asked = sum(parts.questions.map(each => each.asked))
  const lost = sum(parts.questions.map(each => each.lost))
  scene.check('questions stay without an answer', asked > 0 && lost === 0, `${lost} of ${asked}`)
  scene.checkEqual('agents were restarted', parts.restarts.length, restarts)
  for (const { name } of scene.agents) {
    const own = parts.agents.filter(({ host }) => host === name)
    const rekeys = sum(own.map(each => each.rekeys))
    // A restart of either agent begins a minute anew.
    const due = Math.max(1, minutes - restarts - 1)
    scene.check(`${name}: keys were renewed every minute`, rekeys >= due, `${rekeys} times, ${due} due`)
  }
  const { verdicts, classes, packets, problems, spis } = parts.wire
  scene.checkEqual('packets that leaked', verdicts.leaked, 0)
  scene.checkEqual('packets of Kerberos and RSVP in clear', classes.kerberos + classes.rsvp, 0)
  scene.checkEqual('other unicast in clear', classes.unicast, 0)
  const good = verdicts.protected + verdicts.keying + verdicts.exempt + verdicts['not-ip']
  scene.checkEqual('sealed, keying, exempt and ARP together are all packets', good, packets)
  scene.check(
    'every packet of the wire was recorded and read',
    problems.length === 0,
    problems.join('; ') || `${packets}`,
  )
  scene.check('associations on the wire', spis > 2 * (minutes - 1), `${spis} SPIs`)
}

function pairs([one, other]: readonly StreamEnd[]): readonly (readonly [StreamEnd, StreamEnd])[] {
  return one === undefined || other === undefined
    ? []
    : [
        [one, other],
        [other, one],
      ]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0)
}

function nowInWords(
  seconds: number,
  changes: readonly Changes[],
  stream: readonly StreamEnd[],
  { packets, verdicts }: RollingReport,
): string {
  const made = changes.map(({ state }) => `${state.seen} of ${state.made}`).join(' and ')
  const octets = stream.map(end => end.received).join(' and ')
  const when = `${Math.round(seconds / 60)} min`
  return `${when}: changes seen ${made}, octets ${octets}, packets ${packets}, leaked ${verdicts.leaked}`
}
