// A NAT between strongSwan and our endpoint, on either side, by IKEv1: found by both, moved to port 4500, ESP in UDP from then
// on, in the form of RFC 3947 and in that of the second draft before it. In user space (tunnel mode) and with a Linux guest's
// kernel (transport mode).
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { whyNoGuest } from '../uml/guest-machine.ts'
import type { IkeHost } from './ike-host.ts'
import { GuestLab, RoomLab } from './ike-lab.ts'
import { whyNoRoom } from './lab-room.ts'
import { LabCertificates, type Scene } from './negotiation.ts'
import { agreeV1 } from './negotiation-v1.ts'
import { whyNoStrongSwan } from './strongswan.ts'

const whyNot = whyNoRoom() || whyNoStrongSwan()
const place = { none: 'no NAT', ours: 'a NAT before us', theirs: 'a NAT before strongSwan' } as const

/** All that is said of keys and under keys goes there once a NAT is found. */
function assertMoved(host: IkeHost): void {
  const ports = host.events.flatMap(event =>
    event.kind === 'message-v1' ? [`${event.header.exchange} ${event.path.local.port}`] : [],
  )
  assert.ok(ports.includes('2 500') && ports.includes('2 4500'), ports.join(', '))
  assert.ok(!ports.includes('32 500'), ports.join(', '))
}

const RFC_3947 = '4a131c81070358455c5728f20e95452f'

/** Nobody signs vendor IDs: without this one both sides take each other for hosts of the draft. */
function withoutRfc(message: Uint8Array): Uint8Array {
  return Uint8Array.fromHex(message.toHex().replaceAll(RFC_3947, RFC_3947.replace('4a', '4b')))
}

for (const nat of ['none', 'ours', 'theirs'] as const) {
  describe(`IKEv1, ${place[nat]}, ESP in user space`, { skip: whyNot || false }, () => {
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
    for (const key of [undefined, 'rsa'] as const) {
      test(key ?? 'a preshared key', async () => {
        const { host } = await agreeV1(scene, { initiator, mode: 'tunnel', ...(key === undefined ? {} : { key }) })
        assertMoved(host)
      })
    }
    test('in the form of the draft', async () => {
      const { host } = await agreeV1(scene, { initiator, mode: 'tunnel', altered: withoutRfc })
      assertMoved(host)
      const kinds = host.events.flatMap(event =>
        event.kind === 'message-v1' ? event.payloads.map(({ kind }) => kind) : [],
      )
      assert.ok(kinds.includes('draft-nat-detection') && !kinds.includes('nat-detection'), kinds.join(', '))
    })
  })
}

for (const nat of ['ours', 'theirs'] as const) {
  describe(`IKEv1, ${place[nat]}, the ESP of a kernel`, { skip: whyNot || whyNoGuest() || false }, () => {
    const certificates = new LabCertificates()
    let scene: Scene
    before(async () => {
      const lab = await GuestLab.start({ nat })
      scene = { lab, strongSwan: await lab.strongSwan(), certificates, nat }
    })
    after(async () => {
      await scene?.lab.stop()
      certificates.close()
    })
    test('transport mode', async () => assertMoved((await agreeV1(scene, { initiator: nat })).host))
    test('transport mode, in the form of the draft', async () => {
      assertMoved((await agreeV1(scene, { initiator: nat, altered: withoutRfc })).host)
    })
  })
}
