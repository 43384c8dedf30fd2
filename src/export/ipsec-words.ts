// The names of algorithms as strongSwan and Libreswan write them, from those of policies.
import { groups, ikeOfferOf } from '../policy/ike-offers.ts'
import { offerOf } from '../policy/offers.ts'

const groupWords: Readonly<Record<string, string>> = {
  curve25519: 'x25519',
  curve448: 'x448',
}

/** `aes256gcm16-prfsha384-x25519`; methods with more than one key exchange are for strongSwan 6 and come elsewhere. */
export function strongSwanIke(name: string): string {
  const at = name.lastIndexOf('-')
  return `${name.slice(0, at)}-${strongSwanKeyExchange(name.slice(at + 1))}`
}

/** The first of several. */
export function strongSwanKeyExchange(name: string): string {
  const [word = ''] = name.split('+')
  return groupWords[word] ?? word
}

/** A proposal for ESP or for AH; undefined for AH with ESP, which one association of IKEv2 cannot be. */
export function strongSwanPackets(
  name: string,
): { readonly protocol: 'esp' | 'ah'; readonly words: string } | undefined {
  const offer = offerOf(name)
  if (!offer.ok || offer.value.protections.length !== 1) return undefined
  const [protocol = '', ...rest] = name.split('-')
  return { protocol: protocol as 'esp' | 'ah', words: rest.join('-') }
}

const libreswanGroups: Readonly<Record<string, string>> = {
  modp1024: 'modp1024',
  modp1536: 'modp1536',
  modp2048: 'modp2048',
  modp3072: 'modp3072',
  modp4096: 'modp4096',
  modp6144: 'modp6144',
  modp8192: 'modp8192',
  ecp256: 'dh19',
  ecp384: 'dh20',
  ecp521: 'dh21',
  curve25519: 'dh31',
}

const libreswanHashes: Readonly<Record<string, string>> = {
  sha256: 'sha2_256',
  sha384: 'sha2_384',
  sha512: 'sha2_512',
  sha1: 'sha1',
  md5: 'md5',
  aesxcbc: 'aes_xcbc',
  aescmac: 'aes_cmac',
}

/** Undefined for what Libreswan cannot do: more than one key exchange, and groups that it lacks. */
export function libreswanGroup(words: string): string | undefined {
  return libreswanGroups[words]
}

/** Libreswan tells ICVs of 8 and 12 octets by a letter. */
const icvLetters: Readonly<Record<string, string>> = { 8: '_a', 12: '_b', 16: '' }

function libreswanCipher(word: string): string | undefined {
  const aead = /^aes(128|192|256)(gcm|ccm)(8|12|16)$/.exec(word)
  if (aead !== null) return `aes_${aead[2]}${icvLetters[aead[3]!]}${aead[1]}`
  const plain = /^aes(128|192|256)(ctr)?$/.exec(word)
  if (plain !== null) return `aes${plain[2] === undefined ? '' : '_ctr'}${plain[1]}`
  if (word === '3des') return '3des'
  if (word === 'chacha20poly1305') return 'chacha20_poly1305'
  if (word === 'null') return 'null'
  return undefined
}

/** `aes_gcm256-sha2_384-dh20`; undefined for what Libreswan cannot do. */
export function libreswanIke(name: string): string | undefined {
  const offer = ikeOfferOf(name)
  const words = name.split('-')
  const group = libreswanGroup(words.at(-1)!)
  const cipher = libreswanCipher(words[0]!)
  if (!offer.ok || group === undefined || cipher === undefined || !groups.has(words.at(-1)!)) return undefined
  const hash = words.length > 2 ? libreswanHashes[words.at(-2)!.replace(/^prf/, '')] : undefined
  return hash === undefined ? undefined : `${cipher}-${hash}-${group}`
}

export function libreswanPackets(
  name: string,
): { readonly protocol: 'esp' | 'ah'; readonly words: string } | undefined {
  const found = strongSwanPackets(name)
  if (found === undefined) return undefined
  const [first = '', second] = found.words.split('-')
  if (found.protocol === 'ah') {
    const hash = libreswanHashes[first]
    return hash === undefined ? undefined : { protocol: 'ah', words: hash }
  }
  const cipher = libreswanCipher(first)
  const hash = second === undefined ? undefined : libreswanHashes[second]
  if (cipher === undefined || (second !== undefined && hash === undefined)) return undefined
  return { protocol: 'esp', words: hash === undefined ? cipher : `${cipher}-${hash}` }
}
