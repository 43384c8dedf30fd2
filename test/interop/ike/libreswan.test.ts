// Libreswan with the Linux kernel's ESP and our endpoint: both roles, transport mode. One daemon for each kind of proof.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { whyNoGuest } from '../uml/guest-machine.ts'
import { type Libreswan, whyNoLibreswan } from './guest-libreswan.ts'
import { GuestLab, ours, theirs } from './ike-lab.ts'
import { endsOf, LabCertificates, policyOf, psk } from './negotiation.ts'

const skip = whyNoGuest() || whyNoLibreswan() || false
const connection = {
  ...{ left: theirs[4], right: ours[4], type: 'transport', ike: 'aes_gcm256-sha2_384;dh31', esp: 'aes_gcm256' },
  ...{ leftid: theirs[4], rightid: ours[4] },
}

describe('Libreswan and our endpoint understand each other', { skip }, () => {
  const certificates = new LabCertificates()
  let lab: GuestLab
  before(async () => {
    lab = await GuestLab.start()
  })
  after(async () => {
    await lab?.stop()
    certificates.close()
  })

  for (const key of [undefined, 'rsa', 'ecdsa-256'] as const) {
    describe(key ?? 'a preshared key', () => {
      let libreswan: Libreswan
      before(async () => {
        const own = key && certificates.theirs([theirs[4]], key)
        libreswan = await lab.libreswan(
          own === undefined
            ? { secrets: [`${ours[4]} ${theirs[4]} : PSK "${psk}"`] }
            : { own, authorities: [certificates.authority(key!).certificate] },
        )
      })
      for (const initiator of ['ours', 'theirs'] as const) {
        test(initiator === 'ours' ? 'we begin' : 'Libreswan begins', async () => {
          const proof = key === undefined ? {} : { leftcert: 'host', rightca: '%same' }
          const authby = key === undefined ? 'secret' : key === 'rsa' ? 'rsa-sha2' : 'ecdsa'
          await libreswan.load({ lab: { ...connection, authby, ...proof } })
          const words = { initiator, ike: 'aes256gcm16-prfsha384-curve25519', ...(key === undefined ? {} : { key }) }
          const host = await lab.end.host()
          await host.follow(policyOf(words, endsOf('none'), certificates), certificates.folder)
          try {
            if (initiator === 'theirs') await libreswan.up('lab')
            assert.equal(await host.lab.ping(ours[4], theirs[4], 56, 6), '')
            assert.equal(await lab.pingFromPeer(ours[4]), '')
            assert.equal(await host.lab.sendDatagram(ours[4], theirs[4], 20_000), '')
            assert.deepEqual(lab.end.link.clear, [])
            assert.deepEqual(host.faults, [])
            await host.stop()
          } catch (cause) {
            const log = (await libreswan.log()).split('\n').slice(-30).join('\n')
            const what = cause instanceof Error ? cause.message : String(cause)
            throw new Error(`${what}\n\nours:\n${host.story()}\n\nLibreswan:\n${log}`, { cause })
          }
        })
      }
    })
  }
})
