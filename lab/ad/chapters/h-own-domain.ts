// Chapter h: KB 254949's knot, between a member and its own controller, and the two ways out of it.

import type { AgentStatus } from '../../../src/monitor/agent-status.ts'
import { HostAgent } from '../agent.ts'
import type { Chapter } from '../chapter.ts'
import { checkKerberosReadable, checkNoKerberos, checkSealed, checkSum } from '../checks.ts'
import type { RunningController } from '../domain-controller.ts'
import type { JudgedCapture } from '../judge.ts'
import { makeMember, removeMember, useDomain } from '../member.ts'
import { giveKeytabs, type MemberAuthentication, memberPolicy, permitRule } from '../member-policies.ts'
import { waitUntil } from '../run.ts'
import { kerberosSteps, probeSteps, type Scene } from '../scene.ts'

export const ownDomain: Chapter = {
  letter: 'h',
  title: 'Kerberos proves who a member is, and its own controller has the Kerberos',
  kb: 'KB 254949, KB 254728',
  story: [
    'Windows’ default is that hosts of a domain prove themselves to IPsec by Kerberos. For that a host needs a ticket, and a ticket ' +
      'comes from the domain controller. A rule that seals everything between a member and that controller also covers the way ' +
      'on which the ticket would come.',
    'While Kerberos is exempt nobody notices. With NoDefaultExempt at 1 the member waits for itself: for IKE it needs a ticket from ' +
      'the key centre, and to reach the key centre it needs IKE. Nothing is established, and nothing leaks either. (Only the ' +
      'controller itself could begin, since it has its tickets from itself; but who talks to whom first is nothing to rely on.)',
    'KB 254949 says what Microsoft supports: IPsec end to end between clients, between servers, and from client to server, with ' +
      'Kerberos or certificates; and between domain controllers, all unicast traffic in transport mode, with the registry ' +
      'changed. Not from a member to its own controller with Kerberos. There are two ways out: a filter that permits Kerberos ' +
      'to the key centre, so that the tickets cross in clear; or certificates, for which nobody has to be asked.',
  ],
  run: async outer => {
    const member = await makeMember(outer.directory, outer.lab)
    try {
      outer.say('  ws1 is a member of corp.test')
      const { lab } = outer
      const agents = [...outer.agents, new HostAgent(lab.forest, member)]
      const scene = outer.of({ ...lab, controllers: [...lab.controllers, member] }, outer.directory, agents)
      await scene.giveCertificates()
      await giveKeytabs(scene.agents, member)
      await whileExempt(scene, member)
      await theKnot(scene, member)
      await byPermitFilter(scene, member)
      await byCertificates(scene, member)
      await betweenControllers(outer, scene, member)
    } finally {
      await removeMember(outer.directory, outer.lab, member)
    }
  },
}

interface Act {
  readonly name: string
  readonly exempt: 0 | 1
  readonly authentication: MemberAuthentication
  /** Rules in front, in YAML. */
  readonly rules?: string
}

/** All three come up anew, so that no ticket and no key is left from before; the controllers have found each other then. */
async function enter(scene: Scene, member: RunningController, act: Act): Promise<void> {
  for (const agent of scene.agents) await agent.sealwire('down')
  for (const agent of scene.agents) {
    const text = memberPolicy(agent, { ...act, member, hosts: scene.agents.map(({ controller }) => controller) })
    if (agent.name === member.name) scene.keepPolicy(text, `${act.name.replaceAll(' ', '-')}-policy`)
    await agent.writePolicy(text)
  }
  await Promise.all(scene.agents.map(agent => agent.up()))
  const [one, two] = scene.agents
  if (one === undefined || two === undefined) throw new Error('two controllers are needed')
  await waitUntil('the controllers speak sealed', 30, () => isAnswered(one, two))
}

async function isAnswered(from: HostAgent, to: HostAgent): Promise<boolean> {
  return (await from.run(['ping', '-n', '-c', '1', '-W', '1', to.address])).status === 0
}

function agentsOf(scene: Scene, member: RunningController): { readonly first: HostAgent; readonly own: HostAgent } {
  const [first] = scene.agents
  const own = scene.agents.find(({ name }) => name === member.name)
  if (first === undefined || own === undefined) throw new Error('no agent on the member, or on the first controller')
  return { first, own }
}

/** The member pings its controller, gets a ticket of its machine account, reads the directory and lists a share. */
async function act(scene: Scene, member: RunningController, { name }: Act): Promise<JudgedCapture> {
  const { first, own } = agentsOf(scene, member)
  const recording = await scene.record(name)
  const answered = await waitUntil('an answer', 20, () => isAnswered(own, first)).then(
    () => true,
    () => false,
  )
  scene.check(`${name}: the controller answers the member`, answered, answered ? 'a ping' : 'nothing for 20 s')
  const used = await useDomain(member, scene.lab.forest, first.controller, 10)
  scene.check(`${name}: ticket, directory and share`, Object.values(used).every(Boolean), inWords(used))
  return recording.stop()
}

function inWords(used: Readonly<Record<string, boolean>>): string {
  return Object.entries(used)
    .map(([what, well]) => `${what} ${well ? 'yes' : 'no'}`)
    .join(', ')
}

async function checkProvedBy(scene: Scene, member: RunningController, name: string, due: RegExp): Promise<void> {
  const { first, own } = agentsOf(scene, member)
  const { sessions } = await own.status()
  const names = sessions.filter(({ peer }) => peer === first.address).map(({ peerName }) => peerName ?? 'nobody')
  scene.check(
    `${name}: what the controller has proved to be`,
    names.some(each => due.test(each)),
    names.join(', ') || 'no session',
  )
}

async function whileExempt(scene: Scene, member: RunningController): Promise<void> {
  const exempt: Act = { name: 'exempt', exempt: 0, authentication: 'kerberos' }
  await enter(scene, member, exempt)
  const judged = await act(scene, member, exempt)
  await checkProvedBy(scene, member, exempt.name, /^dc1\$@CORP\.TEST$/i)
  const { verdicts, classes } = judged
  scene.checkEqual('exempt: packets that leaked', verdicts.leaked, 0)
  scene.checkEqual('exempt: other unicast in clear', classes.unicast, 0)
  scene.checkEqual('exempt: exempt packets that are not Kerberos, broadcast or multicast', exemptElse(judged), 0)
  checkSum(scene, judged)
  checkKerberosReadable(scene, judged)
}

function exemptElse({ verdicts, classes }: JudgedCapture): number {
  return verdicts.exempt - classes.kerberos - classes.broadcast - classes.multicast
}

async function theKnot(scene: Scene, member: RunningController): Promise<void> {
  const knot: Act = { name: 'knot', exempt: 1, authentication: 'kerberos' }
  await enter(scene, member, knot)
  const { first, own } = agentsOf(scene, member)
  const told = await own.sealwire('policy', 'check', '/etc/sealwire/policy.yaml')
  const warned = /The ticket has to be fetched from [^;\n]*/.exec(told.output)?.[0]
  scene.check('knot: “policy check” tells of it before', warned !== undefined, warned ?? told.output.trim())

  const recording = await scene.record(knot.name)
  const answered = await own.run(['ping', '-n', '-c', '3', '-W', '2', first.address])
  const used = await useDomain(member, scene.lab.forest, first.controller, 4)
  scene.check(
    'knot: the member reaches nothing',
    answered.status !== 0 && !Object.values(used).some(Boolean),
    inWords({ ping: answered.status === 0, ...used }),
  )
  const says = /no key centre of realm CORP\.TEST answered/
  const failed = await waitUntil('the log tells of it', 30, async () => says.test(await logOf(own))).then(
    () => true,
    () => false,
  )
  scene.check(
    'knot: the member’s log says why',
    failed,
    failed ? 'no key centre of realm CORP.TEST answered' : 'nothing',
  )
  const judged = await recording.stop()
  const status = await own.status()
  const keys = status.associations.filter(({ peer }) => peer === first.address).length
  scene.checkEqual('knot: associations between the two', keys, 0)
  const words = knotWarnings(status)[0]
  scene.check(
    'knot: “status” says why, and what to do',
    /permit .*88.*certificates/.test(words ?? ''),
    words ?? 'nothing',
  )
  const other = knotWarnings(await first.status())
  scene.checkEqual('knot: warnings of it at the controller, which asks itself', other.length, 0)
  scene.check('knot: IKE was tried', judged.verdicts.keying > 0, `${judged.verdicts.keying} packets`)
  scene.checkEqual('knot: packets that leaked', judged.verdicts.leaked, 0)
  scene.checkEqual('knot: other unicast in clear', judged.classes.unicast, 0)
  checkNoKerberos(scene, judged)
  checkSum(scene, judged)
  await checkBegunByController(scene, member)
}

/** Who begins is who needs a ticket: a controller has it from itself, so a packet of its own is enough to untie the knot. */
async function checkBegunByController(scene: Scene, member: RunningController): Promise<void> {
  const { first, own } = agentsOf(scene, member)
  const before = await isAnswered(own, first)
  const begun = await waitUntil('an answer', 15, () => isAnswered(first, own)).then(
    () => true,
    () => false,
  )
  const used = await useDomain(member, scene.lab.forest, first.controller, 10)
  scene.check(
    'knot: a packet of the controller, which asks itself for tickets, unties it',
    !before && begun && Object.values(used).every(Boolean),
    inWords({ 'member before': before, controller: begun, ...used }),
  )
}

function knotWarnings({ policy, warnings }: AgentStatus): readonly string[] {
  return [...policy.warnings, ...warnings].filter(each => each.includes('has to be fetched from'))
}

async function logOf(agent: HostAgent): Promise<string> {
  return (await agent.run(['cat', '/run/sealwire/agent.log'])).result
}

async function byPermitFilter(scene: Scene, member: RunningController): Promise<void> {
  const { first } = agentsOf(scene, member)
  const permit: Act = {
    name: 'permit filter',
    exempt: 1,
    authentication: 'kerberos',
    rules: permitRule(member, first.controller),
  }
  await enter(scene, member, permit)
  const judged = await act(scene, member, permit)
  await checkProvedBy(scene, member, permit.name, /^dc1\$@CORP\.TEST$/i)
  const { verdicts, classes, packets } = judged
  scene.checkEqual('permit filter: packets that leaked', verdicts.leaked, 0)
  scene.checkEqual('permit filter: other unicast in clear', classes.unicast, 0)
  scene.checkEqual('permit filter: what a filter permits is Kerberos', verdicts.permitted, classes.kerberos)
  const all = verdicts.protected + verdicts.keying + verdicts.exempt + verdicts.permitted + verdicts['not-ip']
  scene.checkEqual('permit filter: sealed, keying, exempt, permitted and ARP together are all packets', all, packets)
  checkKerberosReadable(scene, judged)
}

async function byCertificates(scene: Scene, member: RunningController): Promise<void> {
  const certificates: Act = { name: 'certificates', exempt: 1, authentication: 'certificates' }
  await enter(scene, member, certificates)
  const judged = await act(scene, member, certificates)
  await checkProvedBy(scene, member, certificates.name, /dc1\.corp\.test/)
  checkSealed(scene, judged)
}

/** What is supported: each controller is its own key centre, so nobody waits for anybody. */
async function betweenControllers(outer: Scene, scene: Scene, member: RunningController): Promise<void> {
  const name = 'controllers'
  await enter(scene, member, { name, exempt: 1, authentication: 'kerberos everywhere' })
  const recording = await scene.record(name)
  const results = await outer.exercise('between controllers, Kerberos for IKE', [...probeSteps, ...kerberosSteps])
  outer.checkAllWell('between controllers, Kerberos for IKE', results)
  const judged = await recording.stop()
  const [one] = scene.agents
  const { sessions } = await one!.status()
  const proved = sessions.filter(({ version }) => version === 1).map(({ peerName }) => peerName ?? 'nobody')
  scene.check('controllers: proved by their machine account', proved.includes('DC2$@CORP.TEST'), proved.join(', '))
  checkSealed(scene, judged)
}
