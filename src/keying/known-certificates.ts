// Certificates that peers showed and that led to trust, kept parsed: a peer that comes back costs neither its parsing nor the
// check of the same signatures again. Nothing is judged here: time, revocation and names are looked at each time.
import { hash } from 'node:crypto'
import type { Result } from '../base/result.ts'
import { type Certificate, type CertificateFault, parseCertificate } from '../crypto/x509/certificate.ts'
import type { TrustStore } from '../crypto/x509/trust-store.ts'

/** Of one trust store; only what it has accepted is kept, so that strangers push nothing out. */
const MOST = 500

export class KnownCertificates {
  /** By a hash of all octets; the one that was not asked for the longest stands first. */
  readonly #known = new Map<string, Certificate>()

  get size(): number {
    return this.#known.size
  }

  parse(der: Uint8Array): Result<Certificate, CertificateFault> {
    const name = nameOf(der)
    const known = this.#known.get(name)
    if (known === undefined) return parseCertificate(der)
    this.#keep(name, known)
    return { ok: true, value: known }
  }

  remember(certificates: readonly Certificate[]): void {
    for (const certificate of certificates) this.#keep(nameOf(certificate.der), certificate)
  }

  #keep(name: string, certificate: Certificate): void {
    this.#known.delete(name)
    this.#known.set(name, certificate)
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value!)
  }
}

const stores = new WeakMap<TrustStore, KnownCertificates>()

/** They live as long as the store: with another policy all is read anew. */
export function knownCertificates(store: TrustStore): KnownCertificates {
  const known = stores.get(store) ?? new KnownCertificates()
  stores.set(store, known)
  return known
}

function nameOf(der: Uint8Array): string {
  return hash('sha256', der, 'base64')
}
