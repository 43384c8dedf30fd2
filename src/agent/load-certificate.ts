// A rule's certificates, read and checked: our own chain and key, the CAs that are trusted, revocation lists. What this host
// calls itself, where the policy does not say it, is its certificate's subject: strongSwan, Libreswan and Windows do the same
// and every certificate binds its subject, while an address changes behind NAT and not every certificate has a name. A peer
// that is known by another name of the same certificate is accepted all the same (judge-peer.ts).
import { type KeyObject, X509Certificate } from 'node:crypto'
import { isPair } from '../crypto/private-key.ts'
import { type Certificate, isSameCertificate } from '../crypto/x509/certificate.ts'
import { readExtendedKeyUsage } from '../crypto/x509/extended-key-usage.ts'
import { bindsIdentity, identitiesOf } from '../crypto/x509/identity.ts'
import { isEmptyName, isSameName } from '../crypto/x509/name.ts'
import { type TrustStore, validatePath } from '../crypto/x509/path.ts'
import { readPemOrDer, revocationListLabels } from '../crypto/x509/pem.ts'
import { parseRevocationList, type RevocationList } from '../crypto/x509/revocation-list.ts'
import type { AccountMapping, CertificateCredential, OwnCertificate } from '../keying/credentials.ts'
import { formatIdentity, type Identity } from '../keying/identity.ts'
import type { Authentication } from '../policy/model.ts'
import type { CredentialFiles } from './credential-files.ts'
import { type Circumstances, type Complaints, loadIdentity, loadKey, loadPeers, present } from './credential-parts.ts'

type CertificateAuthentication = Extract<Authentication, { kind: 'certificate' }>

const DAY = 86_400
/** Before that many days a certificate's end is told. */
const SOON = 14

export function loadCertificate(
  authentication: CertificateAuthentication,
  files: CredentialFiles,
  complaints: Complaints,
  circumstances: Circumstances,
): CertificateCredential | undefined {
  const trust = loadTrust(authentication, files, complaints, circumstances)
  const own = loadOwn(authentication, trust, files, complaints, circumstances)
  const peers = loadPeers(authentication.peer, 'certificate.peer', complaints)
  const accounts = loadAccounts(authentication.accounts, complaints)
  if (trust === undefined || own === undefined) return undefined
  return { kind: 'certificate', own, trust, ...present({ peers, accounts }) }
}

function loadTrust(
  { ca, crls = [], revocation = 'if-known', extendedKeyUsage, passphrase }: CertificateAuthentication,
  files: CredentialFiles,
  complaints: Complaints,
  { at, allowOld }: Circumstances,
): TrustStore | undefined {
  const usage = extendedKeyUsage === undefined ? undefined : readExtendedKeyUsage(extendedKeyUsage)
  if (extendedKeyUsage !== undefined && usage === undefined) {
    complaints.error('certificate.extendedKeyUsage', {
      what: 'this is no use of a key',
      hint: 'write ipsecIKE, serverAuth or an OID',
    })
  }
  const lists = crls.flatMap((name, index) => loadLists(name, `certificate.crls[${index}]`, files, complaints))
  if (ca === undefined) {
    return complaints.error('certificate.ca', {
      what: 'nothing says whose certificates are trusted',
      hint: 'write ca: and the file of the CA',
    })
  }
  const read = files.certificates(ca, passphrase?.reveal())
  if (!read.ok) return complaints.error('certificate.ca', read.error, ca)
  const authorities = read.value.filter(isAuthority)
  if (authorities.length === 0) {
    const names = read.value.map(({ subject }) => subject.text).join('; ')
    return complaints.error(
      'certificate.ca',
      { what: `no certificate in it is a CA's: ${names}`, hint: "name the file of the CA's own certificate" },
      ca,
    )
  }
  for (const authority of authorities) tellTime(authority, 'certificate.ca', ca, complaints, at)
  const roots = authorities.filter(({ isSelfIssued }) => isSelfIssued)
  // An intermediate whose root stands beside it only helps; alone it is what is trusted.
  const isBelow = (one: Certificate) =>
    authorities.some(above => above !== one && isSameName(above.subject, one.issuer))
  const anchors = [...roots, ...authorities.filter(one => !one.isSelfIssued && !isBelow(one))]
  const intermediates = authorities.filter(one => !anchors.includes(one))
  return {
    anchors,
    intermediates,
    crls: lists,
    revocation,
    allowOld,
    ...(usage === undefined ? {} : { extendedKeyUsage: usage }),
  }
}

/** Version 1 has no way to say it; a root of its time signs itself. */
function isAuthority({ basicConstraints, version, isSelfIssued }: Certificate): boolean {
  return basicConstraints?.isAuthority === true || (version === 1 && isSelfIssued)
}

function loadLists(
  name: string,
  field: string,
  files: CredentialFiles,
  complaints: Complaints,
): readonly RevocationList[] {
  const bytes = files.read(name)
  if (!bytes.ok) {
    complaints.error(field, bytes.error, name)
    return []
  }
  const ders = readPemOrDer(bytes.value, revocationListLabels)
  const hint = 'name a file with a CRL in PEM or DER'
  if (ders.length === 0) complaints.error(field, { what: 'it holds no revocation list', hint }, name)
  return ders.flatMap(der => {
    const read = parseRevocationList(der)
    if (!read.ok)
      complaints.error(field, { what: `its revocation list cannot be read: ${read.error.what}`, hint }, name)
    return read.ok ? [read.value] : []
  })
}

function loadOwn(
  authentication: CertificateAuthentication,
  trust: TrustStore | undefined,
  files: CredentialFiles,
  complaints: Complaints,
  circumstances: Circumstances,
): OwnCertificate | undefined {
  const { at } = circumstances
  const { own, key: keyName = own, passphrase, ocsp } = authentication
  if (own === undefined || keyName === undefined) {
    return complaints.error('certificate.own', {
      what: 'this host has nothing to prove itself with',
      hint: 'write own: and key:, the files of its certificate and its private key',
    })
  }
  const read = files.certificates(own, passphrase?.reveal())
  if (!read.ok) complaints.error('certificate.own', read.error, own)
  const field = authentication.key === undefined ? 'certificate.own' : 'certificate.key'
  const key = loadKey(keyName, passphrase?.reveal(), field, files, complaints, circumstances)
  const response = ocsp === undefined ? undefined : loadResponse(ocsp, files, complaints)
  if (!read.ok || key === undefined) return undefined
  const leaf = read.value.find(certificate => isPair(key, certificate.publicKey))
  if (leaf === undefined) {
    const names = read.value.map(({ subject }) => subject.text).join('; ')
    return complaints.error(
      field,
      {
        what: `this is not the private key of any certificate in ${own}: ${names}`,
        hint: 'name the key that the certificate was made for',
      },
      keyName,
    )
  }
  tellTime(leaf, 'certificate.own', own, complaints, at)
  if (trust !== undefined) tellPath(leaf, read.value, trust, own, complaints, at)
  const identity = ownIdentityOf(leaf, authentication.identity, complaints)
  if (identity === undefined) return undefined
  const above = chainAbove(leaf, [...read.value, ...(trust?.intermediates ?? []), ...(trust?.anchors ?? [])])
  return {
    identity,
    // The root stays at home: who trusts it has it (RFC 4945 §3.3.10).
    chain: [leaf, ...above.filter(({ isSelfIssued }) => !isSelfIssued)].map(({ der }) => der),
    key,
    issuers: above.map(({ publicKeyHash }) => publicKeyHash),
    ...present({ ocsp: response }),
  }
}

function loadResponse(name: string, files: CredentialFiles, complaints: Complaints): Uint8Array | undefined {
  const bytes = files.read(name)
  if (!bytes.ok) return complaints.error('certificate.ocsp', bytes.error, name)
  if (bytes.value[0] !== 0x30) {
    return complaints.error(
      'certificate.ocsp',
      { what: 'this is no OCSP response in DER', hint: 'openssl ocsp -respout FILE writes one' },
      name,
    )
  }
  // A copy: what was read is overwritten in the end.
  return Uint8Array.from(bytes.value)
}

/** From our own certificate upwards, as far as the files reach. */
function chainAbove(leaf: Certificate, pool: readonly Certificate[]): readonly Certificate[] {
  const above: Certificate[] = []
  let below = leaf
  while (!below.isSelfIssued && above.length < 8) {
    const issuer = pool.find(
      one =>
        isSameName(one.subject, below.issuer) &&
        !above.some(known => isSameCertificate(known, one)) &&
        hasSigned(one.publicKey, below),
    )
    if (issuer === undefined) break
    above.push(issuer)
    below = issuer
  }
  return above
}

function hasSigned(key: KeyObject, { der }: Certificate): boolean {
  try {
    return new X509Certificate(der).verify(key)
  } catch {
    return false
  }
}

function ownIdentityOf(leaf: Certificate, text: string | undefined, complaints: Complaints): Identity | undefined {
  const bound = identitiesOf(leaf)
  const field = 'certificate.identity'
  if (text === undefined) {
    // Names stand first and the subject last.
    const identity = bound.at(-1)
    if (identity !== undefined) return identity
    return complaints.error('certificate.own', {
      what: 'the certificate has neither a subject nor a name for a host',
      hint: 'have it made with subject alternative names',
    })
  }
  const wanted = loadIdentity(text, field, complaints)
  if (wanted === undefined) return undefined
  if (!bindsIdentity(leaf, wanted)) {
    const names = bound.map(formatIdentity).join('; ')
    return complaints.error(field, {
      what: `the certificate does not have ${formatIdentity(wanted)}`,
      hint: `it has ${names}`,
    })
  }
  // Peers compare octets: the certificate's own spelling of its subject is the one that they have.
  const isSubject = wanted.type === bound.at(-1)?.type && !isEmptyName(leaf.subject)
  return isSubject && bindsIdentity({ ...leaf, alternativeNames: [] }, wanted)
    ? { ...wanted, data: leaf.subject.der }
    : wanted
}

function loadAccounts(
  accounts: CertificateAuthentication['accounts'],
  complaints: Complaints,
): readonly AccountMapping[] | undefined {
  return accounts?.map(({ subject, issuer, upn, account }, index) => {
    const name = (text: string | undefined, part: string) => {
      const field = `certificate.accounts[${index}].${part}`
      const read = loadIdentity(text, field, complaints)
      if (read !== undefined && !(text ?? '').includes('=')) {
        complaints.error(field, {
          what: 'this is no distinguished name',
          hint: 'names are written like CN=dc1.corp.test,O=Corp',
        })
      }
      return read?.data
    }
    return { account, ...present({ subject: name(subject, 'subject'), issuer: name(issuer, 'issuer'), upn }) }
  })
}

function tellTime(
  { subject, notBefore, notAfter }: Certificate,
  field: string,
  file: string,
  complaints: Complaints,
  at: number,
): void {
  const day = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10)
  const who = `the certificate for ${subject.text === '' ? 'no subject' : subject.text}`
  const warn = (what: string, hint: string) => complaints.warning(field, { what, hint }, file)
  if (at < notBefore) warn(`${who} holds from ${day(notBefore)} on, and not yet`, "check this machine's clock")
  else if (at > notAfter) warn(`${who} ended on ${day(notAfter)}; peers will refuse it`, 'have it renewed')
  else if (at > notAfter - SOON * DAY) {
    warn(`${who} ends on ${day(notAfter)}, in ${Math.floor((notAfter - at) / DAY)} days`, 'have it renewed')
  }
}

/** A peer may trust other CAs than we do; whatever else is wrong would be wrong for it too. */
function tellPath(
  leaf: Certificate,
  offered: readonly Certificate[],
  trust: TrustStore,
  file: string,
  complaints: Complaints,
  at: number,
): void {
  const time = Math.min(Math.max(at, leaf.notBefore), leaf.notAfter)
  const path = validatePath(leaf, offered, trust, { at: time })
  if (path.ok) return
  const hint = 'a peer that trusts the same CA would refuse it'
  complaints.warning(
    'certificate.own',
    { what: `this host would not accept its own certificate: ${path.error.what}`, hint },
    file,
  )
}
