// Files of keys and certificates as they lie on disk: each read once, in whatever form it has (PEM, DER, PKCS #12). What is
// wrong with one comes back in words; who asked says where it was named.

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { octetsOf } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/result.ts'
import { looksLikePkcs12, readPkcs12 } from '../crypto/pkcs12.ts'
import { type KeyFault, readPrivateKey } from '../crypto/private-key.ts'
import { type Certificate, parseCertificate } from '../crypto/x509/certificate.ts'
import { certificateLabels, readPem, readPemOrDer } from '../crypto/x509/pem.ts'

export interface FileFault {
  readonly what: string
  readonly hint: string
}

/** A large CRL has some tens of megabytes; anything else is small. */
const LARGEST_FILE = 128 * 1024 * 1024

/** Reads below one folder, each file once. Keep it no longer than the loading: it holds what private keys are made of. */
export class CredentialFiles {
  readonly #folder: string
  readonly #read = new Map<string, Result<Uint8Array, FileFault>>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Where a file stands that others read by themselves. */
  path(name: string): string {
    return isAbsolute(name) ? name : join(this.#folder, name)
  }

  read(name: string): Result<Uint8Array, FileFault> {
    const path = this.path(name)
    const known = this.#read.get(path)
    if (known !== undefined) return known
    const read = readWholeFile(path)
    this.#read.set(path, read)
    return read
  }

  /** Whether everybody on this machine may read or change it. */
  isOpenToAll(name: string): boolean {
    const path = this.path(name)
    try {
      return (statSync(path).mode & 0o006) !== 0
    } catch {
      return false
    }
  }

  /** All certificates of a file, in their order; at least one. */
  certificates(name: string, passphrase: string | undefined): Result<readonly Certificate[], FileFault> {
    const bytes = this.read(name)
    if (!bytes.ok) return bytes
    const ders = certificateOctets(bytes.value, passphrase)
    if (!ders.ok) return ders
    const found: Certificate[] = []
    for (const [index, der] of ders.value.entries()) {
      const read = parseCertificate(der)
      if (!read.ok) {
        const which = ders.value.length === 1 ? 'its certificate' : `its certificate number ${index + 1}`
        return fault(`${which} cannot be read: ${read.error.what}`, 'have it made again, or convert it')
      }
      found.push(read.value)
    }
    return success(found)
  }

  privateKey(name: string, passphrase: string | undefined): Result<KeyObject, FileFault> {
    const bytes = this.read(name)
    if (!bytes.ok) return bytes
    if (looksLikePkcs12(bytes.value)) return pkcs12Key(bytes.value, passphrase)
    const key = readPrivateKey(bytes.value, passphrase)
    return key.ok ? key : fault(key.error.what, keyHints[key.error.kind])
  }

  /** Overwrites what was read: private keys stand in it. */
  wipe(): void {
    for (const read of this.#read.values()) if (read.ok) read.value.fill(0)
    this.#read.clear()
  }
}

const keyHints: Readonly<Record<KeyFault['kind'], string>> = {
  'no-key': 'name a file with a private key in PEM, DER or PKCS #12',
  'needs-passphrase': 'write passphrase: beside it',
  'wrong-passphrase': 'check passphrase:',
  'not-known': 'openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW rewrites it',
}

const PKCS12_HINT = 'openssl pkcs12 -legacy -in OLD -nodes -out NEW.pem takes it apart'

function openPkcs12(bytes: Uint8Array, passphrase: string | undefined) {
  const read = readPkcs12(bytes, passphrase ?? '')
  if (read.ok) return read
  const { kind, what } = read.error
  if (kind !== 'wrong-passphrase') return fault(what, PKCS12_HINT)
  if (passphrase === undefined) return fault('it is protected by a passphrase', keyHints['needs-passphrase'])
  return fault(what, keyHints['wrong-passphrase'])
}

function pkcs12Key(bytes: Uint8Array, passphrase: string | undefined): Result<KeyObject, FileFault> {
  const read = openPkcs12(bytes, passphrase)
  if (!read.ok) return read
  const [first, ...more] = read.value.keys
  if (first === undefined) return fault('it holds no private key', 'export it again with its private key')
  if (more.length > 0) return fault('it holds several private keys', 'export the one that is meant')
  try {
    return success(
      createPrivateKey({
        key: Buffer.from(first.buffer, first.byteOffset, first.length),
        format: 'der',
        type: 'pkcs8',
      }),
    )
  } catch {
    return fault('its private key cannot be read', PKCS12_HINT)
  } finally {
    first.fill(0)
  }
}

/** DER of all certificates in octets of any form. */
export function certificateOctets(
  bytes: Uint8Array,
  passphrase: string | undefined,
): Result<readonly Uint8Array[], FileFault> {
  if (looksLikePkcs12(bytes)) {
    const read = openPkcs12(bytes, passphrase)
    if (!read.ok) return read
    for (const key of read.value.keys) key.fill(0)
    return read.value.certificates.length > 0
      ? success(read.value.certificates)
      : fault('it holds no certificate', 'export it again with its certificates')
  }
  const found = readPemOrDer(bytes, certificateLabels)
  if (found.length > 0) return success(found)
  const { blocks, faults } = readPem(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))
  const [broken] = faults
  if (broken !== undefined) return fault(`line ${broken.line}: ${broken.what}`, 'copy the file again, whole')
  const instead = [...new Set(blocks.map(({ label }) => label))].join(', ')
  return fault(
    instead === '' ? 'it holds no certificate' : `it holds no certificate, but ${instead}`,
    'name a file with certificates in PEM, DER or PKCS #12',
  )
}

function readWholeFile(path: string): Result<Uint8Array, FileFault> {
  try {
    const status = statSync(path)
    if (status.isDirectory()) return fault('this is a folder', 'name a file in it')
    if (!status.isFile()) return fault('this is no plain file', 'name a file')
    if (status.size > LARGEST_FILE)
      return fault(`it has ${status.size} octets, more than any such file needs`, 'check the name')
    const bytes = octetsOf(readFileSync(path))
    return bytes.length === 0 ? fault('the file is empty', 'copy it again') : success(bytes)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const known = fileErrors[code]
    if (known === undefined) throw error
    return fault(known[0], known[1])
  }
}

const fileErrors: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['there is no such file', 'names count from the folder of the policy'],
  ENOTDIR: ['a part of the name is no folder', 'check the name'],
  EISDIR: ['this is a folder', 'name a file in it'],
  EACCES: ['the file may not be read', 'give the user who runs this the right to read it'],
  EPERM: ['the file may not be read', 'give the user who runs this the right to read it'],
  ELOOP: ['links lead around in a circle', 'name the file itself'],
  ENAMETOOLONG: ['the name is too long', 'check the name'],
  ERR_INVALID_ARG_VALUE: ['this is no name of a file', 'check the name'],
}

function fault(what: string, hint: string) {
  return failure<FileFault>({ what, hint })
}
