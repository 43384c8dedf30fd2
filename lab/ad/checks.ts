// What several chapters check of a recording. Every check can fail: counts that are due are exact, and where something must be
// there, nothing there fails.

import { readFileSync } from 'node:fs'
import type { StepResult } from './exercise.ts'
import type { JudgedCapture } from './judge.ts'
import { link } from './network.ts'
import type { Scene } from './scene.ts'

/** As Kerberos, by its content: a port alone proves nothing. */
export function checkKerberosReadable(scene: Scene, { name, tshark }: JudgedCapture): void {
  const seen = ['AS-REQ', 'AS-REP', 'TGS-REQ', 'TGS-REP'].map(each => [each, tshark.messages[each] ?? 0] as const)
  const words = seen.map(([each, count]) => `${each} ${count}`).join(', ')
  scene.check(
    `${name}: tshark reads Kerberos on the wire`,
    seen.every(([, count]) => count > 0),
    words,
  )
}

export function checkNoKerberos(scene: Scene, { name, classes, tshark }: JudgedCapture): void {
  scene.checkEqual(`${name}: packets of Kerberos in clear, by port`, classes.kerberos, 0)
  scene.checkEqual(`${name}: packets that tshark reads as Kerberos`, tshark.kerberos, 0)
  scene.checkEqual(`${name}: packets of RSVP in clear`, classes.rsvp, 0)
}

/** Nothing between the two but ESP and IKE; what goes to groups of hosts may be exempt. */
export function checkSealed(scene: Scene, judged: JudgedCapture): void {
  const { name, verdicts, classes, packets } = judged
  scene.checkEqual(`${name}: packets that leaked`, verdicts.leaked, 0)
  checkNoKerberos(scene, judged)
  scene.checkEqual(`${name}: other unicast in clear`, classes.unicast, 0)
  scene.checkEqual(
    `${name}: exempt packets are broadcast and multicast`,
    verdicts.exempt,
    classes.broadcast + classes.multicast,
  )
  checkSum(scene, judged)
  scene.check(`${name}: most is sealed`, verdicts.protected * 2 > packets, `${verdicts.protected} of ${packets}`)
}

/** What is none of these is told by no other check. */
export function checkSum(scene: Scene, { name, verdicts, packets }: JudgedCapture): void {
  const all = verdicts.protected + verdicts.keying + verdicts.exempt + verdicts['not-ip']
  scene.checkEqual(`${name}: sealed, keying, exempt and ARP together are all packets`, all, packets)
}

/** Where no IP is due, ARP shows that the wire is there and that its recording runs: each host finds the other's station. */
export async function checkWireCarries(scene: Scene, name: string): Promise<void> {
  const arp = readFileSync(new URL('arp.py', import.meta.url), 'utf8')
  for (const from of scene.agents) {
    for (const to of scene.agents) {
      if (from === to) continue
      const asked = await from.run(['python3', '-I', '-', link, from.address, to.address], { input: arp })
      const found = asked.result.trim() || 'nothing'
      scene.check(`${name}: ${from.name} finds ${to.name} by ARP`, found === to.controller.hardwareAddress, found)
    }
  }
}

/** Not one packet of IP. That something is recorded at all, ARP must show. */
export function checkSilent(scene: Scene, { name, classes, packets }: JudgedCapture): void {
  const arp = classes['not-ip']
  scene.check(`${name}: ARP is in the recording`, arp > 0, `${arp} packets`)
  scene.checkEqual(`${name}: packets of IP on the wire`, packets - classes['not-ip'], 0)
}

/** UDP carried them, so they came in pieces of IP: a ticket of over a packet. */
export function checkLargeTickets(scene: Scene, steps: readonly StepResult[]): void {
  for (const step of ['as-udp-fragments', 'tgs-udp-fragments']) {
    const sizes = steps
      .filter(each => each.step === step)
      .map(({ said }) => Number(/\((\d+) bytes\) from dgram/.exec(said)?.[1]))
    scene.check(
      `${step}: answers larger than a packet, over UDP`,
      sizes.length > 0 && sizes.every(size => size > 1500),
      `${sizes.join(' and ')} bytes`,
    )
  }
}
