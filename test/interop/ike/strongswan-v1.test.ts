// strongSwan with the Linux kernel's ESP, in a user-mode Linux guest, and our endpoint by IKEv1: main mode and quick mode in
// both roles, by every proof, cipher, hash and group that both have. One boot for all.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { whyNoGuest } from '../uml/guest-machine.ts'
import type { KeyKind } from './certificates.ts'
import { GuestLab } from './ike-lab.ts'
import { explained, LabCertificates, type Negotiation, nothingElse, prepare, type Scene } from './negotiation.ts'
import { whyNoStrongSwan } from './strongswan.ts'

const skip = whyNoGuest() || whyNoStrongSwan() || false
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

const IKE = 'aes256-sha256-modp2048'

/** Seconds to an answer, on a machine that has much else to do. */
const PATIENCE = 6
/** Seconds in which strongSwan installs what the third message of quick mode lets it install. */
const INSTALLED = 2

/** Until both sides stand and traffic goes both ways, sealed and nothing else. */
async function agree(scene: Scene, words: Negotiation): Promise<void> {
  const { lab, strongSwan } = scene
  const { initiator, rule, theirs } = words
  const byIkev1 = {
    ike: IKE,
    ...words,
    rule: { keying: ['ikev1'], ...rule },
    theirs: { version: 1 as const, ...theirs },
  }
  const { host, ends } = await prepare(scene, byIkev1)
  await explained(scene, host, async () => {
    const ping = (patience: number) => host.lab.ping(ends.own, ends.peer, 56, patience)
    if (initiator === 'theirs') {
      await strongSwan.vici.ask('initiate', { child: 'lab', timeout: '10000', loglevel: '-1' })
    } else {
      // Nothing answers the third message of quick mode, so the first packet may come before the peer is ready for it.
      await ping(INSTALLED)
    }
    assert.equal(await ping(PATIENCE), '')
    assert.equal(await lab.pingFromPeer(words.mode === 'tunnel' ? ends.own : ends.ownAsSeen), '')
    assert.deepEqual(host.sessions().length, 1, host.sessions().join(', '))
    assert.match(host.sessions()[0]!, initiator === 'ours' ? /^initiator established/ : /^responder established/)
    nothingElse(scene, host)
  })
}

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
    test(`a preshared key; ${who}`, () => agree(scene, { initiator }))
    for (const key of proofs) {
      test(`certificates: ${key}; ${who}`, () => agree(scene, { initiator, key }))
    }
    test(`IPv6; ${who}`, () => agree(scene, { initiator, family: 6 }))
    test(`a tunnel; ${who}`, () => agree(scene, { initiator, mode: 'tunnel' }))
    test(`fresh keys; ${who}`, async () => {
      const rule = { freshKeys: true, keyExchange: 'modp2048' }
      const theirs = { child: { esp_proposals: ['aes256gcm16-modp2048'] } }
      await agree(scene, { initiator, rule, theirs })
    })
    for (const ike of ikeMethods) {
      test(`${ike}; ${who}`, () => agree(scene, { initiator, ike }))
    }
    for (const security of securityMethods) {
      test(`${security}; ${who}`, () => agree(scene, { initiator, security }))
    }
  }
})
