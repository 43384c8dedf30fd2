// strongSwan with the Linux kernel's ESP, in a user-mode Linux guest, and our endpoint by IKEv1: main mode and quick mode in
// both roles, by every proof, cipher, hash and group that both have. One boot for all. Each method begins from one side, in turn;
// SEALWIRE_LONG_TESTS=1 takes both sides for each.
import { after, before, describe, test } from 'node:test'
import { whyNoGuest } from '../uml/guest-machine.ts'
import type { KeyKind } from './certificates.ts'
import { GuestLab } from './ike-lab.ts'
import { LabCertificates, type Scene } from './negotiation.ts'
import { agreeV1 } from './negotiation-v1.ts'
import { whyNoStrongSwan } from './strongswan.ts'

const skip = whyNoGuest() || whyNoStrongSwan() || false
const isLong = process.env['SEALWIRE_LONG_TESTS'] === '1'
const roles = ['ours', 'theirs'] as const
const beginner = { ours: 'we begin', theirs: 'strongSwan begins' } as const
const proofs: readonly KeyKind[] = ['rsa', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521']

/** Each cipher, hash and group once. */
const ikeMethods = `
  aes256-sha512-ecp521 aes192-sha384-ecp384 aes128-sha256-ecp256 3des-sha1-modp1024 aes128-md5-modp1536
  aes256-sha256-modp2048 aes256-sha384-modp3072 aes128-sha1-modp4096 aes256-sha512-modp6144 aes256-sha256-modp8192`
  .trim()
  .split(/\s+/)

const securityMethods = `
  esp-aes128gcm16 esp-aes256gcm12 esp-aes192gcm8 esp-aes256ccm16 esp-aes128ccm8 esp-aes256-sha256 esp-aes192-sha384
  esp-aes128-sha512 esp-aes128-aesxcbc esp-aes256-sha1 esp-aes128ctr-sha256 esp-aes256gmac esp-null-sha256 esp-3des-md5
  ah-sha256 ah-sha1 ah-aesxcbc`
  .trim()
  .split(/\s+/)

describe('strongSwan and our endpoint understand each other by IKEv1', { skip }, () => {
  const certificates = new LabCertificates()
  let scene: Scene
  let lab: GuestLab

  before(async () => {
    lab = await GuestLab.start()
    scene = { lab, strongSwan: await lab.strongSwan(), certificates }
  })
  after(async () => {
    await lab?.stop()
    certificates.close()
  })

  for (const initiator of roles) {
    const who = beginner[initiator]
    test(`a preshared key; ${who}`, async () => void (await agreeV1(scene, { initiator })))
    for (const key of proofs) {
      test(`certificates: ${key}; ${who}`, async () => void (await agreeV1(scene, { initiator, key })))
    }
    test(`IPv6; ${who}`, async () => void (await agreeV1(scene, { initiator, family: 6 })))
    test(`a tunnel; ${who}`, async () => void (await agreeV1(scene, { initiator, mode: 'tunnel' })))
    test(`fresh keys; ${who}`, async () => {
      const rule = { freshKeys: true, keyExchange: 'modp2048' }
      const theirs = { child: { esp_proposals: ['aes256gcm16-modp2048'] } }
      await agreeV1(scene, { initiator, rule, theirs })
    })
    const own = (_: string, index: number) => isLong || index % 2 === roles.indexOf(initiator)
    for (const ike of ikeMethods.filter(own)) {
      test(`${ike}; ${who}`, async () => void (await agreeV1(scene, { initiator, ike })))
    }
    for (const security of securityMethods.filter(own)) {
      test(`${security}; ${who}`, async () => void (await agreeV1(scene, { initiator, security })))
    }
  }
})
