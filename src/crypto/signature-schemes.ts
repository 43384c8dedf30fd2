// Signatures of IKE's AUTH payload as described values, with the AlgorithmIdentifiers of RFC 7427 in both directions.
// Hash numbers from IANA's IKEv2 Hash Algorithms registry; identifiers from RFC 4055 (RSA), RFC 5758 (ECDSA) and RFC 8410
// (EdDSA). DSA and GOST are left out.
import type { KeyObject } from 'node:crypto'
import {
  DER_INTEGER,
  DER_NULL,
  DER_OID,
  DER_SEQUENCE,
  type DerElement,
  derElement,
  derInteger,
  readDer,
  readOne,
} from './der.ts'

export type HashName = 'sha1' | 'sha2-256' | 'sha2-384' | 'sha2-512' | 'identity'

export interface SignatureHash {
  readonly name: HashName
  /** In SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4). */
  readonly number: number
  /** OpenSSL's name; absent where the signature hashes by itself (RFC 8420 §2). */
  readonly digest?: string
  readonly bytes: number
  readonly old?: string
}

const WHY_SHA1 = 'collisions of SHA-1 have been made (RFC 8247 §3.1)'

export const signatureHashes: readonly SignatureHash[] = [
  { name: 'sha2-256', number: 2, digest: 'sha256', bytes: 32 },
  { name: 'sha2-384', number: 3, digest: 'sha384', bytes: 48 },
  { name: 'sha2-512', number: 4, digest: 'sha512', bytes: 64 },
  { name: 'identity', number: 5, bytes: 0 },
  { name: 'sha1', number: 1, digest: 'sha1', bytes: 20, old: WHY_SHA1 },
]

export type SignatureFamily = 'rsa-pkcs1' | 'rsa-pss' | 'ecdsa' | 'ed25519' | 'ed448'

export interface SignatureScheme {
  readonly kind: 'signature'
  /** For people: `rsa-pss-sha2-256`, `ed25519`. */
  readonly name: string
  readonly family: SignatureFamily
  readonly hash: SignatureHash
  /** RSA-PSS: octets of salt. */
  readonly saltBytes?: number
  /** AlgorithmIdentifier in DER, as we send it. */
  readonly identifier: Uint8Array
  /** Why it should no longer be used; only where a policy names it. */
  readonly old?: string
}

const NO_CONTENT = new Uint8Array(0)
const nothing = derElement(DER_NULL, NO_CONTENT)
const oid = (octets: string) => derElement(DER_OID, Uint8Array.fromHex(octets))
const sequence = (...parts: readonly Uint8Array[]) => derElement(DER_SEQUENCE, ...parts)

const PKCS1_OIDS: readonly (readonly [HashName, string])[] = [
  ['sha2-256', '2a864886f70d01010b'],
  ['sha2-384', '2a864886f70d01010c'],
  ['sha2-512', '2a864886f70d01010d'],
  ['sha1', '2a864886f70d010105'],
]
const ECDSA_OIDS: readonly (readonly [HashName, string])[] = [
  ['sha2-256', '2a8648ce3d040302'],
  ['sha2-384', '2a8648ce3d040303'],
  ['sha2-512', '2a8648ce3d040304'],
  ['sha1', '2a8648ce3d0401'],
]
/** Hashes by themselves, as parameters of RSA-PSS. */
const HASH_OIDS: readonly (readonly [HashName, string])[] = [
  ['sha2-256', '608648016503040201'],
  ['sha2-384', '608648016503040202'],
  ['sha2-512', '608648016503040203'],
  ['sha1', '2b0e03021a'],
]
const PSS_OID = '2a864886f70d01010a'
const MGF1_OID = '2a864886f70d010108'

/** Context tags of RSASSA-PSS-params (RFC 4055 §3.1). */
const [HASH_TAG, MASK_TAG, SALT_TAG, TRAILER_TAG] = [0xa0, 0xa1, 0xa2, 0xa3]

function hashNamed(name: HashName): SignatureHash {
  return signatureHashes.find(row => row.name === name)!
}

function scheme(
  family: SignatureFamily,
  hash: SignatureHash,
  identifier: Uint8Array,
  saltBytes?: number,
): SignatureScheme {
  const name = hash.name === 'identity' ? family : `${family}-${hash.name}`
  const old = hash.old === undefined ? {} : { old: hash.old }
  return {
    kind: 'signature',
    name,
    family,
    hash,
    identifier,
    ...(saltBytes === undefined ? {} : { saltBytes }),
    ...old,
  }
}

function pssScheme(name: HashName, saltBytes = hashNamed(name).bytes): SignatureScheme {
  const hash = hashNamed(name)
  const own = sequence(oid(HASH_OIDS.find(row => row[0] === name)![1]), nothing)
  const parameters = sequence(
    derElement(HASH_TAG, own),
    derElement(MASK_TAG, sequence(oid(MGF1_OID), own)),
    derElement(SALT_TAG, derInteger(Uint8Array.of(saltBytes >>> 8, saltBytes & 0xff))),
  )
  return scheme('rsa-pss', hash, sequence(oid(PSS_OID), parameters), saltBytes)
}

/** What we sign with, within a family the preferred first. A salt is as long as the hash (RFC 4055 §3.1). */
export const signatureSchemes: readonly SignatureScheme[] = [
  scheme('ed25519', hashNamed('identity'), sequence(oid('2b6570'))),
  scheme('ed448', hashNamed('identity'), sequence(oid('2b6571'))),
  ...ECDSA_OIDS.map(([name, number]) => scheme('ecdsa', hashNamed(name), sequence(oid(number)))),
  ...HASH_OIDS.map(([name]) => pssScheme(name)),
  ...PKCS1_OIDS.map(([name, number]) => scheme('rsa-pkcs1', hashNamed(name), sequence(oid(number), nothing))),
]

/** Whether a key of that kind can make such signatures. */
export function isForKey(scheme: SignatureScheme, key: KeyObject): boolean {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return scheme.family === 'rsa-pkcs1' || scheme.family === 'rsa-pss'
    case 'rsa-pss':
      return scheme.family === 'rsa-pss'
    case 'ec':
      return scheme.family === 'ecdsa'
    default:
      return scheme.family === key.asymmetricKeyType
  }
}

export function findSignature(family: SignatureFamily, hash: HashName): SignatureScheme | undefined {
  return signatureSchemes.find(row => row.family === family && row.hash.name === hash)
}

/**
 * The scheme of a peer's AlgorithmIdentifier; undefined for one we do not have and for what is no such thing. Parameters
 * that should be NULL may be absent and the other way round, as both are about (RFC 4055 §5).
 */
export function schemeOfIdentifier(identifier: Uint8Array): SignatureScheme | undefined {
  const inside = readOne(identifier, DER_SEQUENCE)
  const [algorithm, parameters, ...more] = (inside && readDer(inside)) ?? []
  if (algorithm?.tag !== DER_OID || more.length > 0) return undefined
  const number = algorithm.content.toHex()
  if (number === PSS_OID) return pssOf(parameters)
  if (parameters !== undefined && !isNull(parameters)) return undefined
  return signatureSchemes.find(row => row.family !== 'rsa-pss' && firstOid(row.identifier) === number)
}

function firstOid(identifier: Uint8Array): string {
  return readDer(readOne(identifier, DER_SEQUENCE)!)![0]!.content.toHex()
}

/** What is absent has its default: SHA-1, a salt of 20 octets, trailer 1. The mask's hash has to be the same one. */
function pssOf(parameters: DerElement | undefined): SignatureScheme | undefined {
  if (parameters?.tag !== DER_SEQUENCE) return undefined
  const fields = readDer(parameters.content)
  if (fields === undefined) return undefined
  let [hash, mask, salt]: [HashName | undefined, HashName | undefined, number] = ['sha1', 'sha1', 20]
  let last = 0
  for (const { tag, content } of fields) {
    if (tag <= last) return undefined
    last = tag
    if (tag === HASH_TAG) hash = hashOf(content)
    else if (tag === MASK_TAG) mask = maskHashOf(content)
    else if (tag === SALT_TAG) salt = smallNumber(content)
    else if (tag !== TRAILER_TAG || smallNumber(content) !== 1) return undefined
  }
  return hash === undefined || hash !== mask || salt < 0 ? undefined : pssScheme(hash, salt)
}

function hashOf(bytes: Uint8Array): HashName | undefined {
  const inside = readOne(bytes, DER_SEQUENCE)
  const [algorithm, parameters, ...more] = (inside && readDer(inside)) ?? []
  if (algorithm?.tag !== DER_OID || more.length > 0) return undefined
  if (parameters !== undefined && !isNull(parameters)) return undefined
  return HASH_OIDS.find(row => row[1] === algorithm.content.toHex())?.[0]
}

function maskHashOf(bytes: Uint8Array): HashName | undefined {
  const inside = readOne(bytes, DER_SEQUENCE)
  const [algorithm, parameters, ...more] = (inside && readDer(inside)) ?? []
  if (algorithm?.tag !== DER_OID || algorithm.content.toHex() !== MGF1_OID) return undefined
  if (parameters?.tag !== DER_SEQUENCE || more.length > 0) return undefined
  return hashOf(derElement(DER_SEQUENCE, parameters.content))
}

/** -1 for what is not a number of one or two octets. */
function smallNumber(bytes: Uint8Array): number {
  const content = readOne(bytes, DER_INTEGER)
  if (content === undefined || content.length < 1 || content.length > 2 || content[0]! >= 0x80) return -1
  return content.reduce((sum, octet) => sum * 256 + octet, 0)
}

function isNull(element: DerElement): boolean {
  return element.tag === DER_NULL && element.content.length === 0
}
