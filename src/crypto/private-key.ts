// Keys in files: private ones as PKCS #8, PKCS #1 and SEC 1, in PEM or DER, under a passphrase or not; public ones as
// SubjectPublicKeyInfo, PKCS #1, in a certificate, or as OpenSSH's line (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4). Whether
// IKE can sign with a key is told too.
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { failure, type Result, success } from '../base/result.ts'

export interface KeyFault {
  readonly kind: 'no-key' | 'needs-passphrase' | 'wrong-passphrase' | 'not-known'
  readonly what: string
}

/** The first private key of a file, whatever else stands in it. */
export function readPrivateKey(bytes: Uint8Array, passphrase: string | undefined): Result<KeyObject, KeyFault> {
  if (isDer(bytes)) return readDerKey(bytes, passphrase)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const block = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/.exec(text)
  if (block?.[1] === 'OPENSSH PRIVATE KEY') {
    return fault('not-known', "it is a key in OpenSSH's own form; ssh-keygen -p -m PKCS8 -f FILE rewrites it")
  }
  if (block === null) {
    const isPublic = /-----BEGIN [A-Z0-9 ]*(CERTIFICATE|PUBLIC KEY)-----/.test(text)
    return fault('no-key', isPublic ? 'it holds no private key, only public parts' : 'it holds no private key')
  }
  const isEncrypted = block[1] === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type: 4,ENCRYPTED/m.test(block[0])
  if (isEncrypted && passphrase === undefined) return needsPassphrase
  return tryKey(() => createPrivateKey({ key: block[0], format: 'pem', ...passphraseOf(passphrase) }), isEncrypted)
}

function readDerKey(bytes: Uint8Array, passphrase: string | undefined): Result<KeyObject, KeyFault> {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (const type of ['pkcs8', 'sec1', 'pkcs1'] as const) {
    const read = tryKey(() => createPrivateKey({ key, format: 'der', type, ...passphraseOf(passphrase) }), false)
    if (read.ok || read.error.kind === 'needs-passphrase') return read
    if (passphrase !== undefined && type === 'pkcs8' && isEncryptedInfo(bytes)) return wrongPassphrase
  }
  return fault('no-key', 'it holds no private key')
}

function passphraseOf(passphrase: string | undefined) {
  return passphrase === undefined ? {} : { passphrase }
}

/** EncryptedPrivateKeyInfo begins with an algorithm, every clear form with a version. */
function isEncryptedInfo(bytes: Uint8Array): boolean {
  const first = 2 + (bytes[1]! >= 0x80 ? bytes[1]! & 0x7f : 0)
  return bytes[first] === 0x30
}

function tryKey(read: () => KeyObject, isEncrypted: boolean): Result<KeyObject, KeyFault> {
  try {
    return success(read())
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ERR_MISSING_PASSPHRASE') return needsPassphrase
    if (/UNSUPPORTED/.test(code)) {
      return fault('not-known', 'its kind, or the method that protects it, is not known here')
    }
    return isEncrypted ? wrongPassphrase : fault('no-key', 'its private key cannot be read')
  }
}

/** A public key of whatever form; a private one is refused, for it has no place where public ones are listed. */
export function readPublicKey(bytes: Uint8Array): Result<KeyObject, KeyFault> {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (isDer(bytes)) return readPublicDer(key)
  const text = key.toString('latin1')
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) {
    return fault('not-known', 'it holds a private key, which belongs to its owner alone')
  }
  if (/-----BEGIN [A-Z0-9 ]*(PUBLIC KEY|CERTIFICATE)-----/.test(text)) {
    try {
      return success(createPublicKey(text))
    } catch {
      return fault('no-key', 'its public key cannot be read')
    }
  }
  const line = /^(?:ssh-|ecdsa-)\S+ ([A-Za-z0-9+/]+={0,2})/m.exec(text)
  const found = line === null ? undefined : readSshKey(Uint8Array.fromBase64(line[1]!))
  return found === undefined ? fault('no-key', 'it holds no public key') : success(found)
}

function readPublicDer(key: Buffer): Result<KeyObject, KeyFault> {
  const readers = [
    () => createPublicKey({ key, format: 'der', type: 'spki' }),
    () => createPublicKey({ key, format: 'der', type: 'pkcs1' }),
    () => new X509Certificate(key).publicKey,
  ]
  for (const read of readers) {
    try {
      return success(read())
    } catch {}
  }
  return fault('no-key', 'it holds no public key')
}

const sshCurves: Readonly<Record<string, string>> = { nistp256: 'P-256', nistp384: 'P-384', nistp521: 'P-521' }

/** SSH's strings: a length of four octets, then the octets. */
function readSshKey(blob: Uint8Array): KeyObject | undefined {
  const fields: Uint8Array[] = []
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length)
  for (let at = 0; at < blob.length; ) {
    const length = at + 4 <= blob.length ? view.getUint32(at) : blob.length
    if (at + 4 + length > blob.length) return undefined
    fields.push(blob.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  const word = (field: Uint8Array | undefined) => new TextDecoder('latin1').decode(field)
  const base64 = (octets: Uint8Array) => octets.toBase64({ alphabet: 'base64url', omitPadding: true })
  const jwk = jwkOf(word(fields[0]), fields, word, base64)
  try {
    return jwk && createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined
  }
}

function jwkOf(
  type: string,
  [, first, second]: readonly Uint8Array[],
  word: (field: Uint8Array | undefined) => string,
  base64: (octets: Uint8Array) => string,
) {
  if (first === undefined) return undefined
  if (type === 'ssh-ed25519' || type === 'ssh-ed448') {
    return { kty: 'OKP', crv: type === 'ssh-ed25519' ? 'Ed25519' : 'Ed448', x: base64(first) }
  }
  if (second === undefined) return undefined
  if (type === 'ssh-rsa') return { kty: 'RSA', e: base64(first), n: base64(second) }
  const crv = type === `ecdsa-sha2-${word(first)}` ? sshCurves[word(first)] : undefined
  // An uncompressed point: 4, then two numbers of the curve's length.
  if (crv === undefined || second[0] !== 4) return undefined
  const half = (second.length - 1) / 2
  return { kty: 'EC', crv, x: base64(second.subarray(1, 1 + half)), y: base64(second.subarray(1 + half)) }
}

/** What keeps IKE from signing with such a key; undefined where nothing does. */
export function whyNotForIke(key: KeyObject, allowOld = false): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  switch (type) {
    case 'rsa':
    case 'rsa-pss':
      return (details?.modulusLength ?? 0) < 2048 && !allowOld
        ? `an RSA key of ${details?.modulusLength} bits is too short; RFC 8247 §4.1 has 2048 and more`
        : undefined
    case 'ec':
      return knownCurves.has(details?.namedCurve ?? '') ? undefined : `the curve ${details?.namedCurve} is not for IKE`
    case 'ed25519':
    case 'ed448':
      return undefined
    default:
      return `a key of kind ${type} does not sign in IKE`
  }
}

/** Those that certificates are judged with, too. */
const knownCurves = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

/** For people: `ECDSA P-256`, `RSA 2048 bits`. */
export function describeKey(key: KeyObject): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa' || type === 'rsa-pss') return `${type.toUpperCase()} ${details?.modulusLength} bits`
  if (type === 'ec') return `ECDSA ${curveNames[details?.namedCurve ?? ''] ?? details?.namedCurve}`
  return type === 'ed25519' ? 'Ed25519' : type === 'ed448' ? 'Ed448' : String(type).toUpperCase()
}

const curveNames: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

/** Whether a private and a public key are two halves of one. */
export function isPair(privateKey: KeyObject, publicKey: KeyObject): boolean {
  return createPublicKey(privateKey).equals(publicKey)
}

function isDer(bytes: Uint8Array): boolean {
  return bytes[0] === 0x30
}

const needsPassphrase = failure<KeyFault>({ kind: 'needs-passphrase', what: 'it is protected by a passphrase' })
const wrongPassphrase = failure<KeyFault>({ kind: 'wrong-passphrase', what: 'the passphrase does not open it' })

function fault(kind: KeyFault['kind'], what: string) {
  return failure<KeyFault>({ kind, what })
}
