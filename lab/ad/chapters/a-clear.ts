// Chapter a: how it was. It is also the control for all others: here everything must be seen.

import type { Chapter } from '../chapter.ts'
import { checkKerberosReadable } from '../checks.ts'

export const everythingInClear: Chapter = {
  letter: 'a',
  title: 'Without a policy everything is in clear',
  kb: 'KB 254949',
  story: [
    'Two domain controllers of one domain copy accounts from each other, answer for names, give tickets and share files. ' +
      'Anybody on the wire between them can read who asks for what; only what the programs encrypt themselves is hidden.',
    'This is what the chapters behind it are measured by: the same steps, with sealwire between.',
  ],
  isForIpv6: true,
  run: async scene => {
    const recording = await scene.record('clear')
    const results = await scene.exercise('in clear')
    const judged = await recording.stop('none')
    scene.checkAllWell('in clear', results)
    const { classes, verdicts, packets } = judged
    scene.checkEqual('sealed packets', verdicts.protected + verdicts.keying, 0)
    scene.checkEqual('packets in clear and ARP are all packets', verdicts['no-policy'] + verdicts['not-ip'], packets)
    for (const name of ['kerberos', 'rsvp', ...scene.groupKinds, 'unicast'] as const) {
      scene.check(`${name} is there`, classes[name] > 0, `${classes[name]} packets`)
    }
    checkKerberosReadable(scene, judged)
  },
}
