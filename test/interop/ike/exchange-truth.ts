// An exchange between two strongSwans judged by our own codecs and keys: the datagrams as they stood on the wire, and what
// strongSwan wrote into its log of shared secret and keys, which nothing of ours had a part in.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { Secret } from '../../../src/base/secret.ts'
import { isSharedKeyAuth, signedOctets } from '../../../src/crypto/ike-auth.ts'
import { firstSeed, type IkeKeys, ikeKeysOf } from '../../../src/crypto/ike-keys.ts'
import {
  cipherOfTransform,
  type IkeSuite,
  ikeSuiteOf,
  integrityOfTransform,
  prfOfTransform,
} from '../../../src/crypto/ike-suites.ts'
import { announcedHashes, SHARED_KEY_METHOD, verifyAuth } from '../../../src/crypto/signatures.ts'
import { openMessage } from '../../../src/keying/ikev2/envelope.ts'
import { find, need } from '../../../src/keying/ikev2/step.ts'
import { defaultKeyingSettings } from '../../../src/keying/keying-settings.ts'
import type { Role } from '../../../src/keying/machine.ts'
import { isFromInitiator } from '../../../src/wire/ike/header.ts'
import { type Message, readMessage } from '../../../src/wire/ike/message.ts'
import type { Payload } from '../../../src/wire/ike/v2-payloads.ts'

const keyNames = ['d', 'ai', 'ar', 'ei', 'er', 'pi', 'pr'] as const
/** In hex. */
export interface LoggedSecrets extends Readonly<Record<(typeof keyNames)[number], string>> {
  /** g^ir. */
  readonly shared: string
}

export interface Exchange {
  /** IKE messages without markers, in the order of the wire. */
  readonly datagrams: readonly Uint8Array[]
  readonly secrets: LoggedSecrets
  readonly psk?: string
}

export interface Judged {
  readonly suite: IkeSuite
  readonly keys: IkeKeys
  readonly messages: readonly { readonly sender: Role; readonly inside: readonly Payload[]; readonly pieces: number }[]
  /** How each side proved itself. */
  readonly proofs: Readonly<Record<Role, string>>
}

/** The secrets of the last session in a log of level 4. */
export function readLoggedSecrets(log: string): LoggedSecrets {
  const lines = log.split('\n')
  const octets = (name: string) => {
    const at = lines.findLastIndex(line => line.includes(`] ${name} secret => `))
    const length = Number(/=> (\d+) bytes/.exec(lines[at] ?? '')?.[1] ?? 0)
    const rows = lines.slice(at + 1, at + 1 + Math.ceil(length / 16))
    const hex = rows.map(row => /\] +\d+: ((?:[0-9A-F]{2} )+)/.exec(row)?.[1]?.replaceAll(' ', '') ?? '').join('')
    return hex.slice(0, 2 * length).toLowerCase()
  }
  const keys = Object.fromEntries(keyNames.map(name => [name, octets(`Sk_${name}`)]))
  return { shared: octets('shared Diffie Hellman'), ...(keys as Omit<LoggedSecrets, 'shared'>) }
}

const ENCRYPTION = 1
const PRF = 2
const INTEGRITY = 3
const KEY_LENGTH = 14

function suiteOf(answer: Message): IkeSuite {
  const [proposal] = need(answer.payloads, 'security-association').proposals
  const transform = (type: number) => proposal!.transforms.find(row => row.type === type)
  const encryption = transform(ENCRYPTION)!
  const bits = encryption.attributes.find(row => row.type === KEY_LENGTH)?.value
  const integrity = transform(INTEGRITY)
  const suite = ikeSuiteOf(
    prfOfTransform(transform(PRF)!.id)!,
    cipherOfTransform(encryption.id, bits as number | undefined)!,
    integrity === undefined ? undefined : integrityOfTransform(integrity.id),
  )
  assert.ok(suite !== undefined, 'the suite is known')
  return suite
}

export function judgeExchange({ datagrams, secrets, psk }: Exchange): Judged {
  const read = datagrams.map(datagram => {
    const message = readMessage(datagram)
    assert.ok(message.ok, message.ok ? '' : message.error.what)
    return { datagram, message: message.value }
  })
  const [request, answer] = [false, true].map(isAnswer =>
    // The last of several where the first was refused for its group or for want of a cookie.
    read.findLast(
      ({ message }) =>
        message.header.messageId === 0 &&
        isFromInitiator(message.header) !== isAnswer &&
        find(message.payloads, 'security-association') !== undefined,
    ),
  )
  const suite = suiteOf(answer!.message)
  const nonces = {
    initiator: need(request!.message.payloads, 'nonce').nonce,
    responder: need(answer!.message.payloads, 'nonce').nonce,
  }
  const spis = { initiator: answer!.datagram.slice(0, 8), responder: answer!.datagram.slice(8, 16) }
  const seed = firstSeed(suite.prf, nonces, new Secret(Uint8Array.fromHex(secrets.shared)))
  const keys = ikeKeysOf(suite, seed, nonces, spis)
  const { initiator, responder } = keys
  const derived = {
    ...{
      d: keys.derivation,
      ai: initiator.integrity,
      ar: responder.integrity,
      ei: initiator.cipher,
      er: responder.cipher,
    },
    ...{ pi: initiator.authentication, pr: responder.authentication },
  }
  for (const name of keyNames) assert.equal(derived[name].reveal().toHex(), secrets[name], `SK_${name}`)

  const messages: { sender: Role; inside: readonly Payload[]; pieces: number }[] = []
  const secured = { suite, keys, sealed: 0, mayFragment: true }
  let pieces: Parameters<typeof openMessage>[4]
  for (const { datagram, message } of read) {
    const last = message.payloads.at(-1)!.kind
    if (last !== 'encrypted' && last !== 'encrypted-fragment') continue
    const sender = isFromInitiator(message.header) ? 'initiator' : 'responder'
    const opened = openMessage(secured, sender, message, datagram, pieces, defaultKeyingSettings)
    if (opened.kind === 'piece') pieces = opened.pieces
    else {
      assert.ok(opened.kind === 'whole', 'what' in opened ? opened.what : '')
      messages.push({ sender, inside: opened.payloads, pieces: (pieces?.contents.size ?? 0) + 1 })
      pieces = undefined
    }
  }

  const proof = (role: Role): string => {
    const own = messages.filter(({ sender }) => sender === role)
    const inside = own.find(({ inside }) => find(inside, 'authentication') !== undefined)!.inside
    const { type, reserved, data } = need(inside, `${role}-identification`)
    const octets = signedOctets(suite.prf, keys[role].authentication, {
      message: (role === 'initiator' ? request : answer)!.datagram,
      peerNonce: role === 'initiator' ? nonces.responder : nonces.initiator,
      identity: Uint8Array.of(type, ...reserved, ...data),
    })
    const auth = need(inside, 'authentication')
    if (auth.method === SHARED_KEY_METHOD) {
      const secret = new Secret(new TextEncoder().encode(psk))
      assert.ok(isSharedKeyAuth(suite.prf, secret, octets, auth.data), `the ${role}'s AUTH`)
      return 'shared key'
    }
    const certificate = new X509Certificate(need(inside, 'certificate').data)
    const rules = { hashes: announcedHashes(false), allowOld: false }
    const verified = verifyAuth(auth.method, auth.data, certificate.publicKey, octets, rules)
    assert.ok(verified.ok, verified.ok ? '' : verified.error.what)
    return verified.value.name
  }
  return { suite, keys, messages, proofs: { initiator: proof('initiator'), responder: proof('responder') } }
}
