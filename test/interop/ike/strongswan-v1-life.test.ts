// What happens to main modes and their children by IKEv1 once they stand, with strongSwan and the Linux kernel's ESP in a
// user-mode Linux guest: rekeys of both phases under traffic, deletes, a peer that began anew, pieces of large messages, and
// which of the two versions a host speaks.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { seededRandom } from '../../../src/base/random.ts'
import { whyNoGuest } from '../uml/guest-machine.ts'
import type { IkeHost } from './ike-host.ts'
import { GuestLab, ours, theirs } from './ike-lab.ts'
import {
  endsOf,
  explained,
  LabCertificates,
  type Negotiation,
  nothingElse,
  policyOf,
  type Scene,
  teach,
  theirSession,
} from './negotiation.ts'
import { agreeV1, byIkev1, establishV1, prepareV1 } from './negotiation-v1.ts'
import { whyNoStrongSwan } from './strongswan.ts'
import type { ViciSection } from './vici.ts'

const skip = whyNoGuest() || whyNoStrongSwan() || false
const roles = ['ours', 'theirs'] as const
const beginner = { ours: 'we begin', theirs: 'strongSwan begins' } as const

/** What every path of IPv4 carries. */
const LEAST = 576

describe('strongSwan and our endpoint live on with IKEv1', { skip }, () => {
  const certificates = new LabCertificates()
  let scene: Scene
  let lab: GuestLab
  const fragments = { settings: `fragment_size = ${LEAST}` }

  before(async () => {
    lab = await GuestLab.start()
    scene = { lab, strongSwan: await lab.strongSwan(fragments), certificates }
  })
  after(async () => {
    await lab?.stop()
    certificates.close()
  })

  /** Asked again, since strongSwan does nothing as long as the last rekey is not quite over. */
  async function theyRekey<K extends 'session-established' | 'child-established'>(
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

  const nameOf = (host: IkeHost) => host.events.findLast(event => event.kind === 'child-established')!.name

  test('the packet that waited for keys comes to strongSwan', async () => {
    // Its kernel takes half a second over the first keys of its life.
    await agreeV1(scene, { initiator: 'ours' })
    for (let turn = 0; turn < 3; turn++) {
      const { host, ends } = await prepareV1(scene, { initiator: 'ours' })
      await explained(scene, host, async () => assert.equal(await host.lab.ping(ends.own, ends.peer, 56, 2), ''))
    }
  })

  test('rekeys of children under traffic, from both sides in turn, lose nothing', async () => {
    // Those of both sides that come closer together than this count as made at once, and one of them goes.
    const settings = { overlap: 0.3 }
    const { host, ends } = await agreeV1(scene, { initiator: 'ours', settings })
    await explained(scene, host, async () => {
      const end = host.lab.startTraffic(ends.own, ends.peer, 5)
      for (let turn = 0; turn < 8; turn++) {
        if (turn % 2 === 0) {
          const next = host.next('child-established')
          host.keeper.input({ kind: 'ageing', name: nameOf(host), age: 'soft' })
          await next
        } else await theyRekey(host, 'child-established', { child: 'lab' })
        await wait(700)
      }
      const { sent, answered } = await end()
      assert.equal(answered, sent)
      assert.ok(sent > 100)
      nothingElse(scene, host)
    })
  })

  test('we renew the main mode when its time has come, and traffic goes on', async () => {
    const { host, ends } = await agreeV1(scene, { initiator: 'ours', policy: { ike: { lifetime: { seconds: 10 } } } })
    await explained(scene, host, async () => {
      const end = host.lab.startTraffic(ends.own, ends.peer, 5)
      await host.next('session-established')
      const next = host.next('child-established')
      host.keeper.input({ kind: 'ageing', name: nameOf(host), age: 'soft' })
      await next
      await wait(500)
      const { sent, answered } = await end()
      assert.equal(answered, sent)
      nothingElse(scene, host)
    })
  })

  test('they renew the main mode, and traffic goes on', async () => {
    const { host, ends } = await agreeV1(scene, { initiator: 'theirs' })
    await explained(scene, host, async () => {
      const end = host.lab.startTraffic(ends.own, ends.peer, 5)
      for (let turn = 0; turn < 2; turn++) await theyRekey(host, 'session-established', { ike: 'lab' })
      await wait(500)
      const { sent, answered } = await end()
      assert.equal(answered, sent)
      assert.equal(await lab.pingFromPeer(ours[4]), '')
      nothingElse(scene, host)
    })
  })

  for (const initiator of roles) {
    const who = beginner[initiator]
    test(`they close the main mode, and we know; ${who}`, async () => {
      const { host } = await agreeV1(scene, { initiator })
      await explained(scene, host, async () => {
        const closed = host.next('session-closed')
        await scene.strongSwan.vici.ask('terminate', { ike: 'lab', timeout: '5000', loglevel: '-1' })
        await closed
      })
    })
    test(`they close the child, and it comes again when it is needed; ${who}`, async () => {
      const { host, ends } = await agreeV1(scene, { initiator })
      await explained(scene, host, async () => {
        const closed = host.next('child-closed')
        await scene.strongSwan.vici.ask('terminate', { child: 'lab', timeout: '5000', loglevel: '-1' })
        await closed
        assert.equal(await host.lab.ping(ends.own, ends.peer, 56), '')
        nothingElse(scene, host)
      })
    })
    test(`we close, and they know; ${who}`, async () => {
      const { host } = await agreeV1(scene, { initiator })
      await explained(scene, host, async () => {
        await host.stop()
        for (let tries = 0; tries < 20; tries++) {
          const { session } = await theirSession(scene.strongSwan)
          if (Object.keys(session).length === 0) return
          await wait(100)
        }
        assert.fail('they still have it')
      })
    })
    test(`another preshared key is refused in words, and nothing goes in clear; ${who}`, async () => {
      const rule = { fallBackToClear: true }
      const { host, ends } = await prepareV1(scene, { initiator, rule, theirs: { psk: 'not the same secret at all' } })
      await explained(scene, host, async () => {
        const failed = host.next('session-failed')
        if (initiator === 'ours') void host.lab.ping(ends.own, ends.peer, 56, 1)
        else {
          const words = { child: 'lab', timeout: '2000', loglevel: '-1' }
          await assert.rejects(scene.strongSwan.vici.ask('initiate', words))
        }
        assert.match((await failed).what, /shared/)
        nothingElse(scene, host)
      })
    })
    test(`nothing in common is refused in words; ${who}`, async () => {
      const { host, ends } = await prepareV1(scene, { initiator, theirs: { ike: ['aes128-sha1-modp1024'] } })
      await explained(scene, host, async () => {
        const failed = host.next('session-failed')
        if (initiator === 'ours') void host.lab.ping(ends.own, ends.peer, 56, 1)
        else {
          const words = { child: 'lab', timeout: '2000', loglevel: '-1' }
          await assert.rejects(scene.strongSwan.vici.ask('initiate', words))
        }
        assert.match((await failed).what, initiator === 'ours' ? /NO-PROPOSAL-CHOSEN/ : /the peer offers .*we want/)
      })
    })
    test(`certificates of 3,000 octets over a path of ${LEAST} that loses pieces of packets; ${who}`, async () => {
      await lab.guest.ask({ do: 'ip', lines: [`link set vec0 mtu ${LEAST}`] })
      try {
        const words = { initiator, key: 'ecdsa-256', padding: 3000, wire: { mtu: LEAST }, losesPieces: true } as const
        await agreeV1(scene, words)
        assert.equal(lab.end.link.counts.fragments, 0, 'pieces of packets stood on the wire')
        assert.ok(lab.end.link.counts.keying > 12, 'there were pieces of messages')
      } finally {
        // A link of less than 1,280 octets has no IPv6.
        const lines = ['link set vec0 mtu 1500', `address add ${theirs[6]}/64 dev vec0 nodad`]
        await lab.guest.ask({ do: 'ip', lines })
      }
    })
    test(`a wire that loses one packet in five; ${who}`, async () => {
      const wire = { loss: 0.2, random: seededRandom(20) }
      const { host } = await prepareV1(scene, { initiator, wire })
      await explained(scene, host, async () => {
        const established = host.next('child-established', 40)
        if (initiator === 'ours') void host.lab.ping(ours[4], theirs[4], 56)
        else await scene.strongSwan.vici.ask('initiate', { child: 'lab', timeout: '40000', loglevel: '-1' })
        await established
      })
    })
  }

  test('who is asked for a sign of life gives one, on both sides', async () => {
    const { host } = await agreeV1(scene, {
      ...{ initiator: 'ours', policy: { ike: { liveness: 1 } } },
      theirs: { more: { dpd_delay: '1' } },
    })
    // R-U-THERE and R-U-THERE-ACK.
    const asked = [36136, 36137].flatMap(type => [`sent ${type}`, `received ${type}`])
    const told = () =>
      host.events.flatMap(event =>
        event.kind === 'message-v1'
          ? event.payloads.flatMap(payload => (payload.kind === 'notify' ? [`${event.way} ${payload.type}`] : []))
          : [],
      )
    await explained(scene, host, async () => {
      for (let tries = 0; tries < 100 && !asked.every(one => told().includes(one)); tries++) await wait(100)
      assert.ok(
        asked.every(one => told().includes(one)),
        told().join(', '),
      )
      assert.match(host.sessions()[0]!, /established/)
      assert.equal((await theirSession(scene.strongSwan)).session['state'], 'ESTABLISHED')
    })
  })

  test('a peer that is started anew without a word is noticed, and traffic goes on', async () => {
    const retransmit = { first: 0.2, factor: 1.5, longest: 1, sends: 4, sendsToStranger: 3 }
    const words: Negotiation = { initiator: 'ours', policy: { ike: { liveness: 1 } }, settings: { retransmit } }
    const { host, ends } = await agreeV1(scene, words)
    const closed = host.next('session-closed', 20)
    scene = { ...scene, strongSwan: await lab.restartStrongSwan(fragments) }
    await explained(scene, host, async () => {
      await teach(scene.strongSwan, byIkev1(words), ends, certificates)
      await closed
      assert.equal(await host.lab.ping(ends.own, ends.peer, 56), '')
    })
  })

  test('a peer that is started anew and begins says so: what we had with it is gone at once', async () => {
    const words: Negotiation = { initiator: 'theirs' }
    const standing = await agreeV1(scene, words)
    const { host, ends } = standing
    scene = { ...scene, strongSwan: await lab.restartStrongSwan(fragments) }
    await explained(scene, host, async () => {
      await teach(scene.strongSwan, byIkev1(words), ends, certificates)
      const closed = host.next('session-closed', 5)
      await establishV1(scene, words, standing)
      assert.match((await closed).why, /began anew/)
    })
  })

  test('we are started anew and begin: strongSwan lets go of what it had with us', async () => {
    const words: Negotiation = { initiator: 'ours' }
    await agreeV1(scene, words)
    const { host, ends } = await anew(words)
    await explained(scene, host, async () => {
      await host.lab.ping(ends.own, ends.peer, 56, 2)
      assert.equal(await host.lab.ping(ends.own, ends.peer, 56), '')
      const all = await scene.strongSwan.vici.list('list-sas', 'list-sa')
      assert.equal(all.length, 1, JSON.stringify(all))
    })
  })

  /** Our host without its past, while strongSwan keeps its own. */
  async function anew(words: Negotiation) {
    const ends = endsOf('none')
    await lab.end.leave()
    const host = await lab.end.host()
    await host.follow(policyOf(byIkev1(words), ends, certificates), certificates.folder)
    return { host, ends }
  }

  test('a peer that speaks IKEv2 and has IKEv1 alone for us is asked in IKEv1, and nothing goes in clear', async () => {
    const rule = { keying: ['ikev2', 'ikev1'], fallBackToClear: true }
    const { host, ends } = await prepareV1(scene, { initiator: 'ours', rule })
    await explained(scene, host, async () => {
      // Where it is the first in this guest, the packet that waited may be lost.
      await host.lab.ping(ends.own, ends.peer, 56, 4)
      assert.equal(await host.lab.ping(ends.own, ends.peer, 56, 6), '')
      assert.deepEqual(
        host.endpoint.sessions().map(({ version }) => version),
        [1],
      )
      nothingElse(scene, host)
    })
  })

  test('a peer that has both is asked in IKEv2', async () => {
    const words: Negotiation = {
      ...{ initiator: 'ours', ike: 'aes256-sha256-modp2048', rule: { keying: ['ikev2', 'ikev1'] } },
      theirs: { version: 0 },
    }
    const { host, ends } = await prepareV1(scene, words)
    await explained(scene, host, async () => {
      assert.equal(await host.lab.ping(ends.own, ends.peer, 56, 6), '')
      assert.equal(await lab.pingFromPeer(ends.own), '')
      assert.deepEqual(
        host.endpoint.sessions().map(({ version }) => version),
        [2],
      )
      nothingElse(scene, host)
    })
  })

  for (const [theirVersion, spoken] of [
    [1, 1],
    [0, 2],
  ] as const) {
    const who = theirVersion === 1 ? 'that has IKEv1 alone' : 'that has both'
    test(`a peer ${who} begins, and the rule takes what it speaks`, async () => {
      const words: Negotiation = {
        ...{ initiator: 'theirs', ike: 'aes256-sha256-modp2048', rule: { keying: ['ikev2', 'ikev1'] } },
        theirs: { version: theirVersion },
      }
      const { host, ends } = await prepareV1(scene, words)
      await explained(scene, host, async () => {
        await scene.strongSwan.vici.ask('initiate', { child: 'lab', timeout: '10000', loglevel: '-1' })
        assert.equal(await host.lab.ping(ends.own, ends.peer, 56, 6), '')
        assert.deepEqual(
          host.endpoint.sessions().map(({ version }) => version),
          [spoken],
        )
      })
    })
  }
})
