// Proposals in the words of policies, for the reasons that people get where two hosts do not agree. A peer's list is cut:
// it may be as long as a message.
import { findCipher } from '../crypto/ciphers.ts'
import { findIntegrity, integrityAlgorithms } from '../crypto/integrity.ts'
import { findKeyExchange } from '../crypto/key-exchange.ts'
import { findPrf } from '../crypto/prf.ts'
import { groups, ikeCiphers, ikeIntegrities, ikePrfs } from '../policy/ike-offers.ts'
import { protocolIds } from '../wire/ike/numbers.ts'
import type { Proposal, Transform } from '../wire/ike/security-association.ts'
import { transformsOf } from '../wire/ike/transform-numbers.ts'
import { FIRST_ADDITIONAL, types } from './combinations.ts'

const SHOWN_PROPOSALS = 4
const SHOWN_WORDS = 6

const cipherWords = new Map([
  ...[...ikeCiphers].map(([word, { cipher, keyBits, icvBits }]): [string, string] => {
    const { transform, keyLengthAttribute } = findCipher(cipher, keyBits / 8, icvBits / 8)!
    return [`${transform}/${keyLengthAttribute ?? ''}`, word]
  }),
  ...[128, 192, 256].map((bits): [string, string] => [`21/${bits}`, `aes${bits}gmac`]),
  ['11/', 'null'],
])
const integrityWords = new Map([
  ...[...ikeIntegrities].map(([word, { integrity }]): [number, string] => [findIntegrity(integrity)!.transform, word]),
  ...integrityAlgorithms
    .filter(({ mode }) => mode === 'gmac')
    .map(({ transform, keyBytes }): [number, string] => [transform, `aes${8 * keyBytes}gmac`]),
])
const prfWords = new Map([...ikePrfs].map(([word, { prf }]) => [findPrf(prf).transform, word]))
const groupWords = new Map([...groups].map(([word, { group }]) => [findKeyExchange(group).transform, word]))

/** A key exchange as a policy names it, or by the name of the registry. */
export function groupWord(id: number): string {
  return groupWords.get(id) ?? transformsOf.get(types.keyExchange)!.nameOf(id)
}

function wordOf({ type, id, attributes }: Transform): string {
  const named = transformsOf.get(type)?.nameOf(id) ?? String(id)
  if (type === types.encryption) {
    const [only] = attributes
    const bits = only?.kind === 'short' ? only.value : ''
    return cipherWords.get(`${id}/${bits}`) ?? `${named}${bits === '' ? '' : `-${bits}`}`
  }
  if (type === types.integrity) return integrityWords.get(id) ?? named
  if (type === types.prf) return prfWords.get(id) ?? `prf${named}`
  if (type === types.sequenceNumbers) return named
  return groupWord(id)
}

function wordsOfType(transforms: readonly Transform[], type: number): readonly string[] {
  return [...new Set(transforms.filter(each => each.type === type).map(wordOf))]
}

function alternatives(words: readonly string[]): string {
  const shown = words.slice(0, SHOWN_WORDS).join('|')
  return words.length > SHOWN_WORDS ? `${shown}|…` : shown
}

/** `aes256-sha256|sha1-modp2048`: what stands between bars are alternatives. */
export function describeProposal({ protocol, transforms }: Proposal): string {
  const integrity = wordsOfType(transforms, types.integrity).filter(word => word !== 'none')
  const prf = wordsOfType(transforms, types.prf)
  const isPrfSaid = prf.length > 0 && prf.join() === integrity.map(word => `prf${word}`).join()
  const esn = wordsOfType(transforms, types.sequenceNumbers).filter(word => word !== 'no-esn')
  const parts = [
    protocol === protocolIds.of.IKE ? [] : [protocolIds.nameOf(protocol).toLowerCase()],
    wordsOfType(transforms, types.encryption),
    integrity,
    isPrfSaid ? [] : prf,
    wordsOfType(transforms, types.keyExchange).filter(word => word !== 'none'),
    esn,
  ]
  const more = [...new Set(transforms.map(({ type }) => type))]
    .filter(type => type >= FIRST_ADDITIONAL)
    .sort((a, b) => a - b)
    .map(type => `+${alternatives(wordsOfType(transforms, type))}`)
  const text = parts
    .filter(words => words.length > 0)
    .map(alternatives)
    .join('-')
  return `${text === '' ? 'nothing' : text}${more.join('')}`
}

export function describeProposals(proposals: readonly Proposal[]): string {
  const all = [...new Set(proposals.slice(0, 2 * SHOWN_PROPOSALS).map(describeProposal))]
  const shown = all.slice(0, SHOWN_PROPOSALS).join(', ')
  return proposals.length > SHOWN_PROPOSALS
    ? `${shown} and ${proposals.length - SHOWN_PROPOSALS} more`
    : shown || 'nothing'
}

const plainTypes: readonly (readonly [number, string])[] = [
  [types.encryption, 'cipher'],
  [types.integrity, 'integrity algorithm'],
  [types.prf, 'PRF'],
  [types.keyExchange, 'key exchange'],
  [types.sequenceNumbers, 'kind of sequence numbers'],
]

/** What no proposal of the one side has of the other's, where that alone keeps them apart; empty where it is the mix. */
export function nothingInCommon(theirs: readonly Proposal[], ours: readonly Proposal[]): readonly string[] {
  const all = (proposals: readonly Proposal[], type: number) =>
    new Set(
      wordsOfType(
        proposals.flatMap(({ transforms }) => transforms),
        type,
      ).filter(word => word !== 'none'),
    )
  return plainTypes.flatMap(([type, words]) => {
    const [a, b] = [all(theirs, type), all(ours, type)]
    return a.size > 0 && b.size > 0 && a.isDisjointFrom(b) ? [words] : []
  })
}
