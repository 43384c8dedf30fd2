// A NAT between strongSwan and our endpoint, on either side: found by both, moved to port 4500, ESP in UDP from then on. In
// user space (tunnel mode) and with a Linux guest's kernel (transport mode).
import { after, before, describe, test } from 'node:test'
import { whyNoGuest } from '../uml/guest-machine.ts'
import { GuestLab, RoomLab } from './ike-lab.ts'
import { whyNoRoom } from './lab-room.ts'
import { agree, LabCertificates, type Scene } from './negotiation.ts'
import { whyNoStrongSwan } from './strongswan.ts'

const whyNot = whyNoRoom() || whyNoStrongSwan()
const sides = ['none', 'ours', 'theirs'] as const
const place = { none: 'no NAT', ours: 'a NAT before us', theirs: 'a NAT before strongSwan' } as const

for (const nat of sides) {
  describe(`${place[nat]}, ESP in user space`, { skip: whyNot || false }, () => {
    const certificates = new LabCertificates()
    let scene: Scene
    before(async () => {
      const lab = await RoomLab.start({ nat })
      scene = { lab, strongSwan: lab.strongSwan, certificates, nat }
    })
    after(async () => {
      await scene?.lab.stop()
      certificates.close()
    })
    const initiator = nat === 'theirs' ? 'theirs' : 'ours'
    test('a preshared key', async () => void (await agree(scene, { initiator, mode: 'tunnel' })))
  })
}

describe('a NAT before us, the ESP of a kernel', { skip: whyNot || whyNoGuest() || false }, () => {
  const certificates = new LabCertificates()
  let scene: Scene
  before(async () => {
    const lab = await GuestLab.start({ nat: 'ours' })
    scene = { lab, strongSwan: await lab.strongSwan(), certificates, nat: 'ours' }
  })
  after(async () => {
    await scene?.lab.stop()
    certificates.close()
  })
  test('transport mode', async () => void (await agree(scene, { initiator: 'ours' })))
})
