// strongSwan with the Linux kernel's ESP, in a user-mode Linux guest, and our IKE endpoint with our simulated host: in both
// roles, by every proof and algorithm that both have, in transport mode unless a test says otherwise. One boot for all.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { seededRandom } from '../../../src/base/random.ts'
import { whyNoGuest } from '../uml/guest-machine.ts'
import type { KeyKind } from './certificates.ts'
import type { IkeHost } from './ike-host.ts'
import { GuestLab, ours, theirs } from './ike-lab.ts'
import {
  agree,
  explained,
  LabCertificates,
  type Negotiation,
  nothingElse,
  prepare,
  type Scene,
  teach,
  theirSession,
} from './negotiation.ts'
import { whyNoStrongSwan } from './strongswan.ts'
import type { ViciSection } from './vici.ts'

const skip = whyNoGuest() || whyNoStrongSwan() || false
const roles = ['ours', 'theirs'] as const
const beginner = { ours: 'we begin', theirs: 'strongSwan begins' } as const
const proofs: readonly KeyKind[] = ['rsa', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'ed25519']

/** Each cipher, PRF, integrity algorithm and group once. */
const ikeMethods = `
  aes256gcm16-prfsha512-ecp521 aes192gcm16-prfsha384-curve448 aes128gcm16-prfsha256-ecp256 aes256gcm12-prfaesxcbc-modp2048
  aes128gcm8-prfaescmac-modp3072 aes256ccm16-prfsha1-modp1536 aes192ccm12-prfmd5-modp1024 aes128ccm8-prfsha256-ecp384
  chacha20poly1305-prfsha256-curve25519 aes256-sha256-modp4096 aes192-sha384-modp6144 aes128-sha512-modp8192
  aes256-aesxcbc-curve25519 aes128-aescmac-curve25519 aes256ctr-sha256-curve25519 aes128ctr-sha1-curve25519
  3des-sha1-modp1024 aes128-md5-curve25519`
  .trim()
  .split(/\s+/)

const securityMethods = `
  esp-aes128gcm16 esp-aes256gcm12 esp-aes192gcm8 esp-aes256ccm16 esp-aes128ccm8 esp-chacha20poly1305 esp-aes256-sha256
  esp-aes192-sha384 esp-aes128-sha512 esp-aes128-aesxcbc esp-aes128-aescmac esp-aes256-sha1 esp-aes128ctr-sha256
  esp-aes256gmac esp-null-sha256 esp-3des-md5 ah-sha256 ah-sha1 ah-aesxcbc`
  .trim()
  .split(/\s+/)

describe('strongSwan and our endpoint understand each other', { skip }, () => {
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

  /** Asked again, since strongSwan does nothing as long as the last rekey is not quite over. */
  async function theyRekey<K extends 'session-rekeyed' | 'child-established'>(
    host: IkeHost,
    event: K,
    what: ViciSection,
  ) {
    const next = host.next(event)
    const ask = () => scene.strongSwan.vici.ask('rekey', what).catch(() => {})
    const timer = setInterval(ask, 1500)
    try {
      await ask()
      return await next
    } finally {
      clearInterval(timer)
    }
  }

  for (const initiator of roles) {
    const who = beginner[initiator]
    test(`a preshared key; ${who}`, async () => {
      const { host, ends } = await agree(scene, { initiator })
      assert.equal(await host.lab.sendDatagram(ends.own, ends.peer, 20_000), '')
    })
    for (const key of proofs)
      test(`certificates: ${key}; ${who}`, async () => void (await agree(scene, { initiator, key })))
    test(`IPv6; ${who}`, async () => void (await agree(scene, { initiator, family: 6 })))
    test(`a tunnel; ${who}`, async () => void (await agree(scene, { initiator, mode: 'tunnel' })))
    test(`a larger group than the first guess; ${who}`, async () => {
      const [first, second] = ['aes256gcm16-prfsha384-ecp256', 'aes256gcm16-prfsha384-ecp384']
      const policy = { ike: { security: initiator === 'ours' ? [first, second] : [second] } }
      await agree(scene, { initiator, policy, theirs: { ike: initiator === 'ours' ? [second!] : [`${first}-ecp384`] } })
    })
    test(`certificates of 3,000 octets over a path of 576; ${who}`, async () => {
      await lab.guest.ask({ do: 'ip', lines: ['link set vec0 mtu 576'] })
      try {
        await agree(scene, { initiator, key: 'ecdsa-256', padding: 3000, wire: { mtu: 576 } })
      } finally {
        // A link of less than 1,280 octets has no IPv6.
        await lab.guest.ask({
          do: 'ip',
          lines: ['link set vec0 mtu 1500', `address add ${theirs[6]}/64 dev vec0 nodad`],
        })
      }
    })
    test(`a wire that loses one packet in five; ${who}`, async () => {
      const wire = { loss: 0.2, random: seededRandom(20) }
      const { host } = await prepare(scene, { initiator, wire })
      await explained(scene, host, async () => {
        const established = host.next('child-established', 40)
        if (initiator === 'ours') void host.lab.ping(ours[4], theirs[4], 56)
        else await scene.strongSwan.vici.ask('initiate', { child: 'lab', timeout: '40000', loglevel: '-1' })
        await established
      })
    })
    test(`rekeyed with a fresh exchange; ${who}`, async () => {
      const { host, ends } = await agree(scene, {
        ...{ initiator, rule: { freshKeys: true, keyExchange: 'curve25519' } },
        theirs: { child: { esp_proposals: ['aes256gcm16-x25519'] } },
      })
      await explained(scene, host, async () => {
        const { name } = await theyRekey(host, 'child-established', { child: 'lab' })
        const again = host.next('child-established')
        host.keeper.input({ kind: 'ageing', name, age: 'soft' })
        await again
        assert.equal(await host.lab.ping(ends.own, ends.peer, 56), '')
      })
    })
    test(`the session is rekeyed from their side; ${who}`, async () => {
      const { host, ends } = await agree(scene, { initiator })
      await explained(scene, host, async () => {
        for (let turn = 0; turn < 3; turn++) {
          await theyRekey(host, 'session-rekeyed', { ike: 'lab' })
          assert.equal(await host.lab.ping(ends.own, ends.peer, 56), '')
        }
        assert.equal(await lab.pingFromPeer(ours[4]), '')
      })
    })
    test(`they close the session, and we know; ${who}`, async () => {
      const { host } = await agree(scene, { initiator })
      await explained(scene, host, async () => {
        const closed = host.next('session-closed')
        await scene.strongSwan.vici.ask('terminate', { ike: 'lab', timeout: '5000', loglevel: '-1' })
        await closed
      })
    })
    test(`they close the child, and it comes again when it is needed; ${who}`, async () => {
      const { host, ends } = await agree(scene, { initiator })
      await explained(scene, host, async () => {
        const closed = host.next('child-closed')
        await scene.strongSwan.vici.ask('terminate', { child: 'lab', timeout: '5000', loglevel: '-1' })
        await closed
        assert.equal(await host.lab.ping(ends.own, ends.peer, 56), '')
        nothingElse(scene, host)
      })
    })
    test(`we close, and they know; ${who}`, async () => {
      const { host } = await agree(scene, { initiator })
      await explained(scene, host, async () => {
        await host.stop()
        const { session } = await theirSession(scene.strongSwan)
        assert.deepEqual(session, {})
      })
    })
    test(`another preshared key is refused in words; ${who}`, async () => {
      const { host } = await prepare(scene, { initiator, theirs: { psk: 'not the same secret at all' } })
      await explained(scene, host, async () => {
        if (initiator === 'ours') {
          const failed = host.next('session-failed')
          void host.lab.ping(ours[4], theirs[4], 56, 1)
          assert.match((await failed).what, /AUTHENTICATION_FAILED|prove|authenticat/i)
        } else {
          const failed = host.next('session-failed')
          await assert.rejects(scene.strongSwan.vici.ask('initiate', { child: 'lab', timeout: '5000', loglevel: '-1' }))
          await failed
        }
        assert.equal(lab.end.link.counts.sealed, 0)
      })
    })
    test(`nothing in common is refused in words; ${who}`, async () => {
      const words: Negotiation = { initiator, theirs: { ike: ['aes128-sha1-modp1024'] } }
      const { host } = await prepare(scene, words)
      await explained(scene, host, async () => {
        const failed = host.next('session-failed')
        if (initiator === 'ours') void host.lab.ping(ours[4], theirs[4], 56, 1)
        else
          await assert.rejects(scene.strongSwan.vici.ask('initiate', { child: 'lab', timeout: '5000', loglevel: '-1' }))
        assert.ok((await failed).what.length > 10)
      })
    })
  }

  for (const [index, ike] of ikeMethods.entries()) {
    const initiator = roles[index % 2]!
    test(`IKE by ${ike}; ${beginner[initiator]}`, async () => void (await agree(scene, { initiator, ike })))
  }
  for (const [index, security] of securityMethods.entries()) {
    const initiator = roles[index % 2]!
    test(`traffic by ${security}; ${beginner[initiator]}`, async () =>
      void (await agree(scene, { initiator, security })))
  }

  test('fifty rekeys under traffic, from both sides in turn, lose nothing', async () => {
    const { host, ends } = await agree(scene, { initiator: 'ours' })
    await explained(scene, host, async () => {
      const end = host.lab.startTraffic(ends.own, ends.peer, 5)
      let name = host.events.findLast(event => event.kind === 'child-established')!.name
      for (let turn = 0; turn < 50; turn++) {
        if (turn % 2 === 0) {
          const next = host.next('child-established')
          host.keeper.input({ kind: 'ageing', name, age: 'soft' })
          name = (await next).name
        } else name = (await theyRekey(host, 'child-established', { child: 'lab' })).name
        await wait(20)
      }
      const { sent, answered } = await end()
      assert.equal(answered, sent)
      assert.ok(sent > 100)
      nothingElse(scene, host)
    })
  })

  test('we rekey the session when its time has come', async () => {
    const { host, ends } = await agree(scene, { initiator: 'ours', policy: { ike: { lifetime: { seconds: 10 } } } })
    await explained(scene, host, async () => {
      await host.next('session-rekeyed')
      assert.equal(await host.lab.ping(ends.own, ends.peer, 56), '')
      nothingElse(scene, host)
    })
  })

  test('who is asked for a sign of life gives one, on both sides', async () => {
    const { host } = await agree(scene, {
      ...{ initiator: 'ours', policy: { ike: { liveness: 1 } } },
      theirs: { more: { dpd_delay: '1' } },
    })
    await wait(3500)
    assert.match(host.sessions()[0]!, /established/)
    assert.equal((await theirSession(scene.strongSwan)).session['state'], 'ESTABLISHED')
  })

  test('a peer that is started anew without a word is noticed, and traffic goes on', async () => {
    const retransmit = { first: 0.2, factor: 1.5, longest: 1, sends: 4, sendsToStranger: 3 }
    const words: Negotiation = { initiator: 'ours', policy: { ike: { liveness: 1 } }, settings: { retransmit } }
    const { host, ends } = await agree(scene, words)
    const closed = host.next('session-closed', 20)
    scene = { ...scene, strongSwan: await lab.restartStrongSwan() }
    await explained(scene, host, async () => {
      await teach(scene.strongSwan, words, ends, certificates)
      await closed
      assert.equal(await host.lab.ping(ends.own, ends.peer, 56), '')
    })
  })
})
