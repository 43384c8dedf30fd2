// Chapter f: the KB's Dcpromo. A lab of its own with the first controller alone, beside the one that the other chapters use,
// so that the domain of theirs stays as it was.

import { performance } from 'node:perf_hooks'
import { HostAgent } from '../agent.ts'
import type { Chapter } from '../chapter.ts'
import { checkSealed } from '../checks.ts'
import { joinCommand, prepareHost, type RunningController, startController, writeFile } from '../domain-controller.ts'
import { type Account, accounts, baseName, corp } from '../forest.ts'
import { addHost, bringUp, innerLab, type Lab, replicateAll, takeDown, usualNet } from '../lab.ts'
import { inside } from '../namespace.ts'
import { must, run, waitUntil } from '../run.ts'
import { groupSteps, type Scene } from '../scene.ts'
import { administrator, kerberos } from '../step.ts'
import { filterWire, readWire } from '../wire-filter.ts'

export const joinUnderSeal: Chapter = {
  letter: 'f',
  title: 'A new controller joins the domain while only IKE and IPsec pass',
  kb: 'KB 254728, KB 233256',
  story: [
    'A server is to become the second controller of a domain. What makes it one is copied to it over the network: every account ' +
      'and every key of the domain. None of that should cross the wire unsealed, and the firewall between the two lets nothing ' +
      'but IKE and IPsec pass.',
    'A policy that comes from the domain is no help to a host that is not in the domain yet, and neither is Kerberos. So the KB ' +
      'has the server get a local policy and a certificate, sets NoDefaultExempt to 1, and only then runs Dcpromo. Here Samba’s ' +
      'join stands for it. First without sealwire: the firewall stops it. Then with.',
    'SYSVOL, the share with the group policies, is copied between Windows’ controllers by a service that Samba does not have. Here ' +
      'it is copied by SMB, through the same seal, and compared.',
  ],
  run: async scene => {
    const directory = innerLab(scene.directory)
    try {
      const net = { ...usualNet, linkSize: scene.lab.linkSize }
      const lab = await bringUp(directory, words => scene.say(`  ${words}`), { controllers: 1, net })
      await tell(scene, lab, directory)
    } finally {
      await takeDown(directory)
    }
  },
}

async function tell(outer: Scene, lab: Lab, directory: string): Promise<void> {
  const [first] = lab.controllers
  const [, second] = corp.controllers
  if (first === undefined || second === undefined) throw new Error('the forest has no second controller')
  const host = await addHost(directory, lab.wire, second)
  await prepareHost(corp, second, host)
  const joining: RunningController = { ...second, host }
  const agents = [new HostAgent(corp, first), new HostAgent(corp, joining)] as const
  const scene = outer.of({ ...lab, controllers: [first, joining] }, directory, agents)

  await filterWire(lab.wire, 'ipsec-only')
  await checkJoinFails(scene, joining)
  await prepareHost(corp, second, host)

  for (const agent of agents) await agent.mustSealwire('firewall', 'apply')
  await scene.secure({ profile: 'windows-2000-sp1', noDefaultExempt: 1 })
  await filterWire(lab.wire, 'ipsec-only')
  const recording = await scene.record('join')
  await checkJoin(scene, joining)
  await replicateAll(corp, scene.lab.controllers)
  await checkNotifies(scene, first, joining)
  await checkNotifies(scene, joining, first)
  await checkSysvol(scene, first, joining)
  const name = 'after the join, only IKE and IPsec pass'
  // What goes to groups of hosts is exempt, so it is not sealed, and the firewall stops it.
  const results = await scene.exercise(
    name,
    scene.allSteps.filter(step => !groupSteps.includes(step)),
  )
  scene.checkAllWell(name, results)
  await checkPasswordArrives(scene, first, joining, { ...accounts.alice, password: 'Lab-Alice-2' })
  await checkPasswordArrives(scene, joining, first, { ...accounts.alice, password: 'Lab-Alice-3' })
  await scene.noteMemory('after the join')
  const judged = await recording.stop()
  const crossed = await readWire(lab.wire)
  checkSealed(scene, judged)
  scene.checkEqual('broadcast and multicast on the wire', judged.classes.broadcast + judged.classes.multicast, 0)
  scene.checkEqual('packets that the filter on the wire had to stop', crossed.other, 0)
  scene.check('the filter on the wire saw ESP', crossed.esp > 1000, `${crossed.esp} packets`)
  await checkNothingWithout(scene, joining, first)
}

/** Samba's own words, whichever way to find a controller it took. */
const refusal = /Failed to find[^\n]*|Failed to connect[^\n]*|ERROR[^\n]*/

/** The control: without sealwire the filter on the wire lets nothing of it pass. */
async function checkJoinFails(scene: Scene, { host }: RunningController): Promise<void> {
  const { status, output, seconds } = await run(joinCommand(corp, host))
  const why = refusal.exec(output)?.[0] ?? lastLine(output)
  const seen = status === 0 ? 'it joined' : `${why}, after ${seconds.toFixed(1)} s`
  scene.check('without sealwire the join fails', status !== 0, seen)
  const { esp, other } = await readWire(scene.lab.wire)
  scene.check('the filter on the wire stopped what it asked', other > 0 && esp === 0, `${other} packets stopped`)
}

async function checkJoin(scene: Scene, controller: RunningController): Promise<void> {
  const { output, seconds } = await run(joinCommand(corp, controller.host))
  const joined = /Joined domain CORP[^\n]*as a DC/.exec(output)?.[0]
  const seen = `${joined ?? lastLine(output)}, ${seconds.toFixed(1)} s`
  scene.check('the join goes through the seal', joined !== undefined, seen)
  if (joined === undefined) throw new Error('without the join there is nothing more to see')
  await startController(corp, controller, controller.host)
  scene.say(`  ${controller.name} is a domain controller`)
}

/** What replicates from now on by itself: each knows that the other wants to hear of changes. */
async function checkNotifies(scene: Scene, of: RunningController, to: RunningController): Promise<void> {
  const begin = performance.now()
  const isKnown = async (): Promise<boolean> => {
    const { status, result } = await run(inside(of.host, ['samba-tool', 'drs', 'showrepl', '--json'], 20))
    if (status !== 0) return false
    const { repsTo } = JSON.parse(result) as { repsTo: { DSA: string; 'NC dn': string }[] }
    const toIt = repsTo.filter(({ DSA }) => DSA.toLowerCase().endsWith(`\\${to.name}`))
    return toIt.some(each => each['NC dn'] === baseName(corp))
  }
  const what = `${of.name} tells ${to.name} of changes`
  const known = await waitUntil(what, 90, isKnown).then(
    () => true,
    () => false,
  )
  scene.check(what, known, known ? `after ${((performance.now() - begin) / 1000).toFixed(1)} s` : 'not after 90 s')
}

const sysvol = '/var/lib/samba/sysvol'

async function checkSysvol(scene: Scene, from: RunningController, to: RunningController): Promise<void> {
  const script = `${sysvol}/${corp.domain}/scripts/logon.cmd`
  await writeFile(from.host, script, '@echo off\r\nrem a script that every client runs at logon\r\n')
  const there = await filesOf(from)
  const before = missing(there, await filesOf(to))
  const { name, password } = administrator(corp)
  const environment = kerberos({ kdc: to, transport: 'udp' }, '/tmp/ticket-of-sysvol')
  await must(inside(to.host, ['kinit', name]), { input: `${password}\n`, environment })
  const login = ['--use-kerberos=required', '--use-krb5-ccache=/tmp/ticket-of-sysvol']
  const commands = `prompt OFF; recurse ON; lcd ${sysvol}; mget *`
  const share = `//${from.name}.${corp.domain}/sysvol`
  await must(inside(to.host, ['smbclient', share, ...login, '-c', commands], 60), { environment })
  const after = missing(there, await filesOf(to))
  const words = `${there.length} files; ${before.length} were missing before, which Samba does not replicate, ${after.length} after`
  scene.check('SYSVOL, copied by SMB, is the same on both', before.length > 0 && after.length === 0, words)
}

/** Digest and path of every file. */
async function filesOf({ host }: RunningController): Promise<readonly string[]> {
  const output = await must(inside(host, ['find', sysvol, '-type', 'f', '-exec', 'sha256sum', '{}', '+']))
  return output.trim().split('\n').toSorted()
}

function missing(due: readonly string[], seen: readonly string[]): readonly string[] {
  return due.filter(line => !seen.includes(line))
}

/** Set at one controller, it opens the door at the other, and the old one does not: with the other's own key centre. */
async function checkPasswordArrives(
  scene: Scene,
  at: RunningController,
  seenAt: RunningController,
  { name, password }: Account,
): Promise<void> {
  const environment = kerberos({ kdc: seenAt, transport: 'udp' }, '/tmp/ticket-of-new-password')
  const opens = async (secret: string) =>
    (await run(inside(seenAt.host, ['kinit', name], 5), { input: `${secret}\n`, environment })).status === 0
  const before = await opens(password)
  await must(inside(at.host, ['samba-tool', 'user', 'setpassword', name, `--newpassword=${password}`]))
  const begin = performance.now()
  const what = `a password changed at ${at.name} counts at ${seenAt.name}`
  const arrived = await waitUntil(what, 30, () => opens(password)).then(
    () => true,
    () => false,
  )
  const seen = arrived ? `after ${((performance.now() - begin) / 1000).toFixed(1)} s` : 'not after 30 s'
  scene.check(what, arrived && !before, before ? 'it counted before it was set' : seen)
}

/** The whole works by the seal alone: take it away, and the filter on the wire has the last word. */
async function checkNothingWithout(scene: Scene, from: RunningController, to: RunningController): Promise<void> {
  for (const agent of scene.agents) await agent.down()
  for (const agent of scene.agents) await agent.mustSealwire('firewall', 'remove')
  await filterWire(scene.lab.wire, 'ipsec-only')
  const answered = await run(inside(from.host, ['ping', '-n', '-c', '2', '-W', '1', to.address]))
  const { other } = await readWire(scene.lab.wire)
  const seen = `${/\d+ received/.exec(answered.output)?.[0] ?? 'no ping'}, ${other} packets stopped on the wire`
  scene.check('with sealwire down nothing is answered', answered.status !== 0 && other > 0, seen)
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? ''
}
