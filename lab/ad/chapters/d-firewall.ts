// Chapter d: the other half of Microsoft's advice, and what is left when sealwire is not there.

import type { Chapter } from '../chapter.ts'
import { checkSealed, checkSilent, checkWireCarries } from '../checks.ts'
import { groupSteps, probeSteps, type Scene } from '../scene.ts'
import { filterWire, readWire } from '../wire-filter.ts'

export const onlyIpsecPasses: Chapter = {
  letter: 'd',
  title: 'A firewall lets nothing but IKE and IPsec pass',
  kb: 'KB 254728, KB 233256',
  story: [
    'What a policy misses, a firewall stops: the article advises to let only IKE (UDP 500 and 4500) and IPsec (ESP and AH) pass ' +
      'between the controllers. “sealwire firewall apply” does so on each host. On the wire between them stands a second filter, ' +
      'which is none of sealwire’s and in nobody’s hands: it drops everything else, and counts.',
    'Everything between the two still works. What goes to everybody (broadcast, multicast) cannot be sealed and is stopped. And ' +
      'where sealwire ends, killed or told to, nothing passes any more: the net fails closed.',
  ],
  run: async scene => {
    const { wire } = scene.lab
    await scene.secure({ profile: 'windows-2000-sp1', noDefaultExempt: 1 })
    for (const agent of scene.agents) await agent.mustSealwire('firewall', 'apply')
    await filterWire(wire, 'ipsec-only')
    const recording = await scene.record('firewall')
    const between = scene.allSteps.filter(step => !groupSteps.includes(step))
    const results = await scene.exercise('behind the firewall', between)
    const toAll = await scene.exercise('to everybody, behind the firewall', groupSteps, 2)
    await scene.noteMemory('after the exercise')
    const judged = await recording.stop()
    const crossed = await readWire(wire)
    scene.checkAllWell('behind the firewall', results)
    scene.checkNoneWell('to everybody, behind the firewall', toAll)
    checkSealed(scene, judged)
    scene.checkEqual('broadcast and multicast on the wire', judged.classes.broadcast + judged.classes.multicast, 0)
    scene.checkEqual('what the filter on the wire had to stop', crossed.other, 0)
    const passed = crossed.esp + crossed.ah + crossed.ike
    scene.check(
      'what it let pass',
      passed > 1000 || (scene.isShort && passed > 100),
      `${passed} packets of IKE and IPsec`,
    )

    // From here on the wire is open: what stops the packets then is what sealwire left on the hosts.
    await filterWire(wire, 'everything')
    for (const agent of scene.agents) await agent.kill()
    await checkClosed(scene, 'killed')
    for (const agent of scene.agents) await agent.down()
    await checkClosed(scene, 'down')

    for (const agent of scene.agents) await agent.mustSealwire('firewall', 'remove')
    const open = await scene.exercise('firewall removed', probeSteps)
    scene.checkAllWell('firewall removed', open)
  },
}

async function checkClosed(scene: Scene, name: string): Promise<void> {
  const recording = await scene.record(name)
  const results = await scene.exercise(`sealwire ${name}`, probeSteps, 2)
  await checkWireCarries(scene, name)
  const judged = await recording.stop()
  scene.checkNoneWell(`sealwire ${name}`, results)
  checkSilent(scene, judged)
}
