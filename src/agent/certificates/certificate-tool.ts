// What `sealwire cert ca`, `request` and `sign` do: from words of a person to files. Nothing that is there is written over
// unless it is asked for, and private keys are for their owner's eyes alone.

import type { KeyObject } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { octetsOf } from '../../base/bytes.ts'
import { fillRandom } from '../../base/random.ts'
import { failure, type Problem, type Result, success } from '../../base/result.ts'
import { readRequest } from '../../crypto/certificate-request.ts'
import { writePkcs12 } from '../../crypto/pkcs12.ts'
import { isPair, whyNotForIke } from '../../crypto/private-key.ts'
import { type Certificate, parseCertificate } from '../../crypto/x509/certificate.ts'
import { readPemOrDer, writePem } from '../../crypto/x509/pem.ts'
import { CredentialFiles, type FileFault } from '../credential-files.ts'
import {
  generateKey,
  type KeyType,
  makeAuthority,
  makeHostRequest,
  readWishes,
  type Signer,
  signRequest,
  type Wishes,
} from './small-authority.ts'

export interface MadeFile {
  readonly path: string
  readonly what: 'certificate' | 'private key' | 'request' | 'PKCS #12'
}

export interface Made {
  readonly files: readonly MadeFile[]
  readonly certificate?: Certificate
  readonly warnings: readonly Problem[]
}

type Outcome = Result<Made, readonly Problem[]>

export interface AuthorityOrder {
  readonly name: string
  readonly folder: string
  readonly keyType: KeyType
  readonly days: number
  readonly force: boolean
}

/** `ca.pem` and `ca.key` in a folder, which is made where it is not there. */
export function orderAuthority(order: AuthorityOrder, at: number): Outcome {
  const key = generateKey(order.keyType)
  const made = makeAuthority(order.name, key, order.days, at)
  if (!made.ok) return failure([made.error])
  const path = join(order.folder, 'ca.pem')
  const files = [keyFile(join(order.folder, 'ca.key'), key), certificateFile(path, [made.value])]
  return write(files, order.force, certificateOf(made.value))
}

export interface RequestOrder {
  readonly wishes: Wishes
  readonly folder: string
  readonly keyType: KeyType
  readonly force: boolean
  /** Where the CA is at hand it signs at once, and no request is written. */
  readonly signer?: SignerFiles
  readonly days: number
  /** Write a PKCS #12 file too, under this passphrase; only with a signer. */
  readonly pkcs12?: string
}

export interface SignerFiles {
  readonly ca: string
  readonly key: string
  readonly passphrase?: string
}

/** `NAME.key` with `NAME.csr`, or with `NAME.pem` where a CA signs at once. */
export function orderRequest(order: RequestOrder, at: number): Outcome {
  const named = readWishes(order.wishes)
  const signer = order.signer === undefined ? undefined : readSigner(order.signer, at)
  const problems = [...(named.ok ? [] : named.error), ...(signer === undefined || signer.ok ? [] : signer.error)]
  if (!named.ok || signer?.ok === false) return failure(problems)
  const key = generateKey(order.keyType)
  const first = order.wishes.names[0] ?? order.wishes.addresses[0] ?? 'host'
  const base = join(order.folder, first.replace(/[^A-Za-z0-9._-]/g, '_').replace(/^\.+/, ''))
  const request = makeHostRequest(named.value, key)
  if (signer === undefined) {
    const csr: NewFile = { path: `${base}.csr`, what: 'request', content: writePem('CERTIFICATE REQUEST', request) }
    return write([keyFile(`${base}.key`, key), csr], order.force)
  }
  const read = readRequest(request)
  if (!read.ok) throw new Error(`our own request cannot be read: ${read.error}`)
  const der = signRequest(read.value, [], signer.value, order.days, at)
  const chain = [der, ...chainOf(signer.value)]
  const files = [keyFile(`${base}.key`, key), certificateFile(`${base}.pem`, chain)]
  if (order.pkcs12 !== undefined)
    files.push(pkcs12File(`${base}.p12`, key, [der, signer.value.certificate.der], order.pkcs12))
  return write(files, order.force, certificateOf(der), shortened(signer.value, order.days, at))
}

export interface SignOrder {
  readonly request: string
  readonly signer: SignerFiles
  /** Names in place of the request's own. */
  readonly wishes: Wishes
  readonly days: number
  /** The certificate's file; left out, the request's name with .pem. */
  readonly out?: string
  readonly force: boolean
}

export function orderSigning(order: SignOrder, at: number): Outcome {
  const signer = readSigner(order.signer, at)
  const hasWishes = [order.wishes.names, order.wishes.addresses, order.wishes.principals].some(list => list.length > 0)
  const wished = hasWishes ? readWishes(order.wishes) : success({ names: [] })
  const problems = [...(signer.ok ? [] : signer.error), ...(wished.ok ? [] : wished.error)]
  const bytes = new CredentialFiles('').read(order.request)
  const wrong = (what: string, hint: string) => problems.push({ severity: 'error', where: order.request, what, hint })
  if (!bytes.ok) wrong(bytes.error.what, bytes.error.hint)
  const [der] = bytes.ok ? readPemOrDer(bytes.value, ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']) : []
  const read = der === undefined ? undefined : readRequest(der)
  const hint = 'sealwire cert request and openssl req make them'
  if (bytes.ok && read === undefined) wrong('it holds no certificate request', hint)
  if (read?.ok === false) wrong(read.error, hint)
  const unfit = read?.ok === true ? whyNotForIke(read.value.publicKey) : undefined
  if (unfit !== undefined) wrong(unfit, 'have the request made with another key')
  if (problems.length > 0 || read?.ok !== true || !signer.ok || !wished.ok) return failure(problems)
  const made = signRequest(read.value, wished.value.names, signer.value, order.days, at)
  const out =
    order.out ?? join(dirname(order.request), `${basename(order.request).replace(/\.(csr|pem|req|der)$/i, '')}.pem`)
  const warnings = [...shortened(signer.value, order.days, at)]
  const certificate = certificateOf(made)
  const warn = (what: string, hint: string) => warnings.push({ severity: 'warning', where: order.request, what, hint })
  if (certificate.alternativeNames.length === 0) {
    warn('it asks for no names: only its subject can be its identity in IKE', 'write --name or --address')
  }
  if (read.value.others.length > 0) {
    warn(
      `it asks for more, which is left out: ${read.value.others.join(', ')}`,
      'this CA gives every host the same rights',
    )
  }
  return write([certificateFile(out, [made, ...chainOf(signer.value)])], order.force, certificate, warnings)
}

/** A CA below another stands behind what it signs, so that peers who trust the root find the way. */
function chainOf({ certificate }: Signer): readonly Uint8Array[] {
  return certificate.isSelfIssued ? [] : [certificate.der]
}

function readSigner({ ca, key: keyName, passphrase }: SignerFiles, at: number): Result<Signer, readonly Problem[]> {
  const files = new CredentialFiles('')
  const read = files.certificates(ca, passphrase)
  const key = files.privateKey(keyName, passphrase)
  const problems: Problem[] = []
  const wrong = (where: string, { what, hint }: FileFault) => problems.push({ severity: 'error', where, what, hint })
  if (!read.ok) wrong(`--ca ${ca}`, read.error)
  if (!key.ok) wrong(`--ca-key ${keyName}`, key.error)
  const authority = read.ok ? read.value.find(one => one.basicConstraints?.isAuthority === true) : undefined
  if (read.ok && authority === undefined) {
    wrong(`--ca ${ca}`, { what: 'it holds no CA certificate', hint: 'sealwire cert ca makes one' })
  }
  if (authority !== undefined && key.ok && !isPair(key.value, authority.publicKey)) {
    wrong(`--ca-key ${keyName}`, {
      what: `this is not the private key of ${authority.subject.text}`,
      hint: 'name the key that lies beside the CA certificate',
    })
  }
  if (authority !== undefined && (at > authority.notAfter || at < authority.notBefore)) {
    wrong(`--ca ${ca}`, { what: `${authority.subject.text} is not valid now`, hint: 'make a new CA' })
  }
  return problems.length === 0 && authority !== undefined && key.ok
    ? success({ certificate: authority, key: key.value })
    : failure(problems)
}

function shortened({ certificate }: Signer, days: number, at: number): readonly Problem[] {
  if (at + days * 86_400 <= certificate.notAfter) return []
  const day = new Date(certificate.notAfter * 1000).toISOString().slice(0, 10)
  const what = `the certificate ends with its CA, on ${day}`
  return [{ severity: 'warning', where: '--days', what, hint: 'make a CA that lasts longer' }]
}

interface NewFile extends MadeFile {
  readonly content: string | Uint8Array
}

function keyFile(path: string, key: KeyObject): NewFile {
  return { path, what: 'private key', content: key.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

function certificateFile(path: string, chain: readonly Uint8Array[]): NewFile {
  return { path, what: 'certificate', content: chain.map(der => writePem('CERTIFICATE', der)).join('') }
}

function pkcs12File(path: string, key: KeyObject, certificates: readonly Uint8Array[], passphrase: string): NewFile {
  const random = () => {
    const octets = new Uint8Array(16)
    fillRandom(octets)
    return octets
  }
  const der = octetsOf(key.export({ type: 'pkcs8', format: 'der' }))
  const salts = {
    certificates: { salt: random(), iv: random() },
    key: { salt: random(), iv: random() },
    mac: random(),
  }
  const content = writePkcs12({ keys: [der], certificates }, passphrase, salts)
  der.fill(0)
  return { path, what: 'PKCS #12', content }
}

/** All or nothing, as far as names go: nothing is written where one of them is taken. */
function write(
  files: readonly NewFile[],
  force: boolean,
  certificate?: Certificate,
  warnings: readonly Problem[] = [],
): Outcome {
  const taken = force ? [] : files.filter(({ path }) => existsSync(path))
  if (taken.length > 0) {
    return failure(
      taken.map(({ path, what }) => ({
        severity: 'error',
        where: path,
        what: `there is a file of that name, and this would write a ${what} over it`,
        hint: 'name another folder or file; --force writes over it',
      })),
    )
  }
  try {
    for (const { path, what, content } of files) {
      mkdirSync(dirname(path), { recursive: true })
      const isSecret = what === 'private key' || what === 'PKCS #12'
      // A file that is there keeps its mode, so a key's is put right before the key is in it.
      writeFileSync(path, isSecret && force ? '' : content, {
        mode: isSecret ? 0o600 : 0o644,
        flag: force ? 'w' : 'wx',
      })
      if (isSecret && force) rewriteSecret(path, content)
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const known = writeErrors[code]
    if (known === undefined) throw error
    const where = error instanceof Error && 'path' in error ? String(error.path) : files[0]!.path
    return failure([{ severity: 'error', where, what: known[0], hint: known[1] }])
  }
  return success({
    files: files.map(({ path, what }) => ({ path, what })),
    warnings,
    ...(certificate && { certificate }),
  })
}

function rewriteSecret(path: string, content: string | Uint8Array): void {
  chmodSync(path, 0o600)
  writeFileSync(path, content)
}

const writeErrors: Readonly<Record<string, readonly [string, string]>> = {
  EEXIST: ['there is something of that name', 'name another folder or file'],
  ENOTDIR: ['a part of the name is no folder', 'check the name'],
  EISDIR: ['this is a folder', 'name a file'],
  EACCES: ['nothing may be written there', 'name a folder of your own'],
  EPERM: ['nothing may be written there', 'name a folder of your own'],
  EROFS: ['nothing may be written there', 'name a folder of your own'],
  ENOSPC: ['the disk is full', 'make room'],
}

function certificateOf(der: Uint8Array): Certificate {
  const read = parseCertificate(der)
  if (!read.ok) throw new Error(`our own certificate cannot be read: ${read.error.what}`)
  return read.value
}
