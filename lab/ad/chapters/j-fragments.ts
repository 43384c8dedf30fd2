// Chapter j: small packets. Kerberos's large tickets then come in three pieces and more, and so would sealed packets.

import type { Chapter } from '../chapter.ts'
import { checkLargeTickets, checkSealed, checkSum } from '../checks.ts'
import { setLinkSizes } from '../network.ts'
import { kerberosSteps, type Scene } from '../scene.ts'

const SMALL = 1280
const ETHERNET_HEADER = 14

export const smallPackets: Chapter = {
  letter: 'j',
  title: 'Every link carries at most 1,280 bytes, and nothing is lost or in clear',
  kb: 'KB 309304',
  story: [
    'The article is about Windows 2000 that drops pieces of packets when they are sealed; its repair came with Service Pack 3. ' +
      'Kerberos over UDP is what suffers: a ticket with many groups is larger than a packet.',
    'Here every link is made smaller than any in use today. All steps are made again, with Kerberos sealed; and once more those of ' +
      'Kerberos, with the default exemptions, where its pieces stand on the wire in clear and all belong to it.',
  ],
  isForIpv6: true,
  run: async scene => {
    try {
      await setLinkSizes(scene.lab, SMALL)
      await sealed(scene)
      await exempt(scene)
    } finally {
      await setLinkSizes(scene.lab, scene.lab.linkSize)
    }
  },
}

async function sealed(scene: Scene): Promise<void> {
  await scene.secure({ profile: 'windows-2000-sp1', noDefaultExempt: 1 })
  const recording = await scene.record('sealed')
  const results = await scene.exercise('1,280 bytes, sealed')
  await scene.noteMemory('after the exercise')
  const judged = await recording.stop()
  scene.checkAllWell('1,280 bytes, sealed', results)
  checkLargeTickets(scene, results)
  checkSealed(scene, judged)
  scene.checkEqual('sealed: pieces of packets in clear', judged.tshark.clearPieces, 0)
  const largest = judged.tshark.largestFrame - ETHERNET_HEADER
  // Below it the chapter would not have tried what it is about.
  scene.check(
    'sealed: the largest packet fits the link, and fills it',
    largest <= SMALL && largest > SMALL - 40,
    `${largest} bytes`,
  )
}

async function exempt(scene: Scene): Promise<void> {
  for (const agent of scene.agents) await agent.down()
  await scene.secure({ profile: 'windows-2000-sp1', noDefaultExempt: 0 })
  const recording = await scene.record('exempt')
  const results = await scene.exercise('1,280 bytes, Kerberos exempt', kerberosSteps)
  const judged = await recording.stop()
  scene.checkAllWell('1,280 bytes, Kerberos exempt', results)
  scene.checkEqual('exempt: packets that leaked', judged.verdicts.leaked, 0)
  scene.checkEqual('exempt: unicast in clear that is neither Kerberos nor RSVP', judged.classes.unicast, 0)
  checkSum(scene, judged)
  const { clearPieces } = judged.tshark
  scene.check('exempt: pieces of Kerberos in clear', clearPieces > 0, String(clearPieces))
}
