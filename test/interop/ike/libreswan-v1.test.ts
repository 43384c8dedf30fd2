// Libreswan with the Linux kernel's ESP and our endpoint by IKEv1: both roles, transport mode, by preshared key and by RSA
// certificates. One daemon for each kind of proof.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addressOctets, parseAddress } from '../../../src/base/address.ts'
import { whyNoGuest } from '../uml/guest-machine.ts'
import { type Libreswan, whyNoLibreswan } from './guest-libreswan.ts'
import { GuestLab, ours, theirs } from './ike-lab.ts'
import { endsOf, LabCertificates, policyOf, psk } from './negotiation.ts'

const skip = whyNoGuest() || whyNoLibreswan() || false
const connection = {
  ...{ left: theirs[4], right: ours[4], leftid: theirs[4], rightid: ours[4], type: 'transport' },
  ...{ ikev2: 'no', esp: 'aes_gcm256', pfs: 'no', dpddelay: '30', dpdtimeout: '120' },
}

/** Ours, and the same in Libreswan's words. */
const methods = [
  ['aes256-sha256-modp2048', 'aes256-sha2_256;dh14'],
  ['aes256-sha256-ecp256', 'aes256-sha2_256;dh19'],
  ['3des-sha1-modp1536', '3des-sha1;dh5'],
] as const

/** Of a packet of IPv4 as the link tells it, by its source. */
function isOurs(packet: string): boolean {
  return packet.slice(24, 32) === addressOctets(parseAddress(ours[4])!).toHex()
}

describe('Libreswan and our endpoint understand each other by IKEv1', { skip }, () => {
  const certificates = new LabCertificates()
  let lab: GuestLab
  before(async () => {
    lab = await GuestLab.start()
  })
  after(async () => {
    await lab?.stop()
    certificates.close()
  })

  for (const key of [undefined, 'rsa'] as const) {
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
        for (const [ike, same] of methods) {
          test(`${ike}; ${initiator === 'ours' ? 'we begin' : 'Libreswan begins'}`, async () => {
            const proof = key === undefined ? {} : { leftcert: 'host', rightca: '%same' }
            const authby = key === undefined ? 'secret' : 'rsasig'
            await libreswan.load({ lab: { ...connection, ike: same, authby, ...proof } })
            const rule = { keying: ['ikev1'] }
            const words = { initiator, ike, rule, ...(key === undefined ? {} : { key }) }
            const host = await lab.end.host()
            await host.follow(policyOf(words, endsOf('none'), certificates), certificates.folder)
            try {
              if (initiator === 'theirs') await libreswan.up('lab')
              // The guest's kernel takes half a second over the first keys of its life.
              else await host.lab.ping(ours[4], theirs[4], 56, 2)
              // Libreswan lets in what is sealed before our last message has made it seal too: its first answers may be in clear.
              assert.deepEqual(lab.end.link.clear.filter(isOurs), [])
              lab.end.link.clear.length = 0
              assert.equal(await host.lab.ping(ours[4], theirs[4], 56, 6), '')
              assert.equal(await lab.pingFromPeer(ours[4]), '')
              assert.equal(host.endpoint.sessions()[0]?.version, 1)
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
      }
    })
  }
})
