// Chapter e: the moment between the network and the agent. A boot is acted out in the hosts: link down, no rules; the script
// of the boot unit; link up; traffic; and only then the agent.

import type { Chapter } from '../chapter.ts'
import { checkSealed, checkSilent, checkWireCarries } from '../checks.ts'
import { inside } from '../namespace.ts'
import { linkDown, linkUp } from '../network.ts'
import { must } from '../run.ts'
import { probeSteps, type Scene } from '../scene.ts'
import { filterWire, readWire } from '../wire-filter.ts'

export const fromTheFirstMoment: Chapter = {
  letter: 'e',
  title: 'The network is up before the agent, and not one packet escapes',
  kb: 'KB 254728',
  story: [
    'The article warns: while Windows starts, packets leave before the IPsec driver has its policy. A firewall is to stop them.',
    '“sealwire boot install” has the machine load rules before any network is up, by the shell and nft alone: those of the last ' +
      'good policy, and where there was none yet, those of a mode that lets nothing pass. Here both controllers are switched ' +
      'off and on: first without it, to show that packets do escape then; then with it, before a first policy and after; and ' +
      'at last the agents start, and everything works.',
  ],
  run: async scene => {
    for (const [name, prepare] of boots) {
      await prepare(scene)
      await boot(scene, name)
    }
    const recording = await scene.record('agents')
    await Promise.all(scene.agents.map(agent => agent.up('--keep-guard')))
    await scene.untilSealed()
    const results = await scene.exercise('the agents are there', probeSteps)
    const judged = await recording.stop()
    scene.checkAllWell('the agents are there', results)
    checkSealed(scene, judged)
  },
}

/** Without a guard everything escapes: the control for the two behind it. */
const bare = 'without sealwire'

const boots: readonly (readonly [string, (scene: Scene) => Promise<void>])[] = [
  [bare, async () => {}],
  ['first-boot', prepareFirstBoot],
  ['later-boot', prepareLaterBoot],
]

async function prepareFirstBoot(scene: Scene): Promise<void> {
  await scene.prepare({ profile: 'windows-2000-sp1', noDefaultExempt: 1 })
  for (const agent of scene.agents) await agent.mustSealwire('boot', 'install', '--mode', 'block')
}

/** A policy was in force, and the firewall is wanted from the start. */
async function prepareLaterBoot(scene: Scene): Promise<void> {
  for (const agent of scene.agents) {
    await agent.up()
    await agent.down()
    const rules = await agent.mustSealwire('firewall', 'show')
    await must(inside(agent.controller.host, ['tee', '/etc/sealwire/firewall.nft']), { input: rules })
    const { result } = await agent.sealwire('boot', 'show', '--json')
    const { loads } = JSON.parse(result) as { readonly loads: string }
    scene.check(`${agent.name}: the next boot loads the last good policy`, loads === 'the last good policy', loads)
  }
}

async function boot(scene: Scene, name: string): Promise<void> {
  for (const agent of scene.agents) {
    await linkDown(agent.controller.host)
    // What a kernel has that was just started.
    await agent.run(['nft', 'flush', 'ruleset'])
  }
  await filterWire(scene.lab.wire, 'everything')
  const recording = await scene.record(name)
  for (const agent of scene.agents) {
    // Of systemd's unit only the script: no Node, and no environment in which one could be found.
    const script = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', '/bin/sh', '/etc/sealwire/boot-guard']
    if (name !== bare) await must(inside(agent.controller.host, script))
    await linkUp(agent.controller.host)
  }
  const results = await scene.exercise(name, probeSteps, name === bare ? 10 : 2)
  await checkWireCarries(scene, name)
  const judged = await recording.stop(name === bare ? 'none' : 'first')
  const crossed = await readWire(scene.lab.wire)
  if (name === bare) {
    scene.checkAllWell(name, results)
    const { unicast, kerberos } = judged.classes
    scene.check('without sealwire packets escape', unicast > 0 && kerberos > 0, `${unicast + kerberos} in clear`)
    return
  }
  scene.checkNoneWell(name, results)
  checkSilent(scene, judged)
  scene.checkEqual(
    `${name}: packets that crossed the bridge, ARP aside`,
    crossed.other + crossed.esp + crossed.ah + crossed.ike,
    0,
  )
}
