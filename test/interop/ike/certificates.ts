// Short-lived certificates for the lab, by openssl: an authority, and hosts whose names are their addresses.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const keyKinds = {
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  'rsa-4096': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:4096'],
  'ecdsa-256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'ecdsa-384': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'ecdsa-521': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  ed25519: ['-algorithm', 'ED25519'],
} as const
export type KeyKind = keyof typeof keyKinds

/** PEM. */
export interface HostCertificate {
  readonly certificate: string
  readonly key: string
}

/** Milliseconds. */
const BEHIND = 250

export class LabAuthority {
  readonly certificate: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'sealwire-authority-'))
  readonly #kind: KeyKind
  #issued = 0

  constructor(kind: KeyKind = 'ecdsa-256') {
    this.#kind = kind
    this.#key('ca.key', kind)
    this.#openssl(
      ...['req', '-x509', '-new', '-key', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/O=Lab/CN=Lab authority'],
      ...[...this.#digest(), '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    )
    this.certificate = this.#read('ca.pem')
  }

  /** `names` as openssl writes them: `IP:10.54.9.1`, `DNS:one.test`. `padding` octets make the certificate that much larger. */
  issue(subject: string, names: readonly string[], kind: KeyKind, padding = 0): HostCertificate {
    const stem = `host-${++this.#issued}`
    this.#key(`${stem}.key`, kind)
    const comment = padding === 0 ? '' : `nsComment=${'x'.repeat(padding)}\n`
    const extensions = `basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nsubjectAltName=${names.join(',')}\n${comment}`
    writeFileSync(join(this.#folder, `${stem}.ext`), extensions)
    this.#openssl('req', '-new', '-key', `${stem}.key`, '-out', `${stem}.csr`, '-subj', `/O=Lab/CN=${subject}`)
    this.#openssl(
      ...['x509', '-req', '-in', `${stem}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'],
      ...[...this.#digest(), '-extfile', `${stem}.ext`, '-out', `${stem}.pem`],
    )
    // Valid from this second on, and the clock of a guest may be a moment behind ours.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BEHIND)
    return { certificate: this.#read(`${stem}.pem`), key: this.#read(`${stem}.key`) }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #digest(): readonly string[] {
    return this.#kind === 'ed25519' ? [] : ['-sha256']
  }

  #key(file: string, kind: KeyKind): void {
    mkdirSync(this.#folder, { recursive: true })
    this.#openssl('genpkey', ...keyKinds[kind], '-out', file)
  }

  #openssl(...words: readonly string[]): void {
    execFileSync('openssl', words, { cwd: this.#folder, stdio: 'pipe' })
  }

  #read(file: string): string {
    return readFileSync(join(this.#folder, file), 'utf8')
  }
}
