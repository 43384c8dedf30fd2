// Negotiations by IKEv1, in the words of negotiation.ts.
import assert from 'node:assert/strict'
import { explained, type Negotiation, nothingElse, prepare, type Scene, type Standing } from './negotiation.ts'

const IKE = 'aes256-sha256-modp2048'

/** Seconds to an answer, on a machine that has much else to do. */
const PATIENCE = 6
/** Seconds in which a slow guest installs what the third message of quick mode lets it install. */
const INSTALLED = 2

export function byIkev1(words: Negotiation): Negotiation {
  const { rule, theirs } = words
  return { ike: IKE, ...words, rule: { keying: ['ikev1'], ...rule }, theirs: { version: 1, ...theirs } }
}

export async function prepareV1(scene: Scene, words: Negotiation): Promise<Standing> {
  return prepare(scene, byIkev1(words))
}

/** Until both sides stand and traffic goes both ways, sealed and nothing else. */
export async function agreeV1(scene: Scene, words: Negotiation): Promise<Standing> {
  const standing = await prepareV1(scene, words)
  await establishV1(scene, words, standing)
  return standing
}

export async function establishV1(scene: Scene, words: Negotiation, { host, ends }: Standing): Promise<void> {
  const { lab, strongSwan } = scene
  const { initiator, mode } = words
  await explained(scene, host, async () => {
    const ping = (patience: number) => host.lab.ping(ends.own, ends.peer, 56, patience)
    if (initiator === 'theirs') {
      await strongSwan.vici.ask('initiate', { child: 'lab', timeout: '10000', loglevel: '-1' })
    } else {
      // Nothing answers the third message of quick mode, so the first packet may come before the peer is ready for it.
      const established = host.next('child-established')
      await Promise.all([ping(INSTALLED), established])
    }
    assert.equal(await ping(PATIENCE), '')
    assert.equal(await lab.pingFromPeer(mode === 'tunnel' ? ends.own : ends.ownAsSeen), '')
    assert.deepEqual(host.sessions().length, 1, host.sessions().join(', '))
    assert.match(host.sessions()[0]!, initiator === 'ours' ? /^initiator established/ : /^responder established/)
    assert.equal(host.endpoint.sessions()[0]!.version, 1)
    nothingElse(scene, host)
  })
}
