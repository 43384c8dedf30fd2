// Chapter b: the policy as everybody writes it, and the setting absent, as it was when Windows 2000 came.

import type { Chapter } from '../chapter.ts'
import { checkKerberosReadable, checkSum } from '../checks.ts'
import type { JudgedCapture } from '../judge.ts'
import type { Scene } from '../scene.ts'

export const exemptByDefault: Chapter = {
  letter: 'b',
  title: 'Everything between the two is secured, and Kerberos is in clear',
  kb: 'KB 254728, KB 253169',
  story: [
    'Both domain controllers have a policy that says: all IP traffic between the two is secured. They prove to each other who ' +
      'they are by certificates, and everything works as before.',
    'But on the wire stands Kerberos, readable by anybody, and RSVP too. Windows has exemptions by default that no policy shows: ' +
      'Kerberos, RSVP, broadcast, multicast and IKE itself pass unsecured. The value NoDefaultExempt of the registry would ' +
      'change that; nobody has set it.',
  ],
  isForIpv6: true,
  run: async scene => {
    await scene.secure({ profile: 'windows-2000-sp1' })
    for (const agent of scene.agents) {
      const { setting } = await agent.status()
      const isDefault = setting.value === 0 && setting.from === 'default'
      scene.check(
        `${agent.name}: NoDefaultExempt is absent, and counts as 0`,
        isDefault,
        `${setting.value}, from the ${setting.from}`,
      )
    }
    const recording = await scene.record('exempt')
    await beginAnew(scene)
    const results = await scene.exercise('sealed, with the default exemptions')
    await scene.noteMemory('after the exercise')
    const judged = await recording.stop()
    scene.checkAllWell('sealed, with the default exemptions', results)
    checkOnlyExempt(scene, judged)
    checkKerberosReadable(scene, judged)
  },
}

/** So that IKE is in the recording. The guard stays meanwhile: nothing else is to be seen because of it. */
async function beginAnew(scene: Scene): Promise<void> {
  const [first] = scene.agents
  await first?.down('--keep-guard')
  await first?.up()
  await scene.untilSealed()
}

/** Nothing in clear but what the exemptions name. */
function checkOnlyExempt(scene: Scene, judged: JudgedCapture): void {
  const { verdicts, classes } = judged
  scene.checkEqual('packets that leaked', verdicts.leaked, 0)
  scene.checkEqual('unicast in clear that is neither Kerberos nor RSVP', classes.unicast, 0)
  const exempt = classes.kerberos + classes.rsvp + classes.multicast + classes.broadcast
  scene.checkEqual('exempt packets: all of Kerberos, RSVP, multicast and broadcast', verdicts.exempt, exempt)
  checkSum(scene, judged)
  scene.check('IKE is there, in clear', verdicts.keying >= 4, `${verdicts.keying} packets`)
  for (const name of ['kerberos', 'rsvp', ...scene.groupKinds] as const) {
    scene.check(`${name} is there, in clear`, classes[name] > 0, `${classes[name]} packets`)
  }
  const { protected: sealed, exempt: clear } = verdicts
  scene.check('more is sealed than in clear', sealed > clear, `${sealed} packets sealed, ${clear} in clear`)
}
