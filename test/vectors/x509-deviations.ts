// Where our judgement of certificates differs from x509-limbo's or from NIST's PKITS, each with the reason. A deviation that
// is not here fails the test, and so does one that is here and has gone. `accepts`: we take what the suite would refuse.

export interface Deviation {
  readonly id: string
  readonly we: 'accept' | 'refuse'
  readonly why: string
}

const issuing =
  'A rule for who issues certificates. RFC 5280 §6.1, which says how they are judged, does not have it, and CAs made by hand break it: the identifier only helps to find the issuer, whose signature is checked.'
const applied =
  'A rule for who issues certificates. We apply the extension, critical or not: refusing it would gain nothing, and CAs of Windows write it so.'
const browsers = (what: string) =>
  `A rule of the CA/Browser Forum for certificates of web servers, not of RFC 5280 and IKE: ${what}`
const rootIdentifier = browsers(
  'how a root writes its own key identifier. A root is trusted because the policy names it.',
)
const commonName = browsers(
  'how the common name is written. We never take a common name for a host or an address; the name that was asked for stands in subjectAltName.',
)
const wildcard =
  'IKE has no wildcards: an identity is matched by a name that is equal to it (RFC 4945 §3.1.2). The path itself holds.'

export const limboDeviations: readonly Deviation[] = [
  { id: 'online::docs.python.org', we: 'refuse', why: wildcard },
  { id: 'webpki::san::leftmost-wildcard-san', we: 'refuse', why: wildcard },
  { id: 'rfc5280::aki::cross-signed-root-missing-aki', we: 'accept', why: issuing },
  { id: 'rfc5280::aki::intermediate-missing-aki', we: 'accept', why: issuing },
  { id: 'rfc5280::aki::leaf-missing-aki', we: 'accept', why: issuing },
  { id: 'rfc5280::ski::intermediate-missing-ski', we: 'accept', why: issuing },
  { id: 'rfc5280::ski::root-missing-ski', we: 'accept', why: issuing },
  { id: 'rfc5280::nc::permitted-dns-match-noncritical', we: 'accept', why: applied },
  { id: 'rfc5280::pc::ica-noncritical-pc', we: 'accept', why: applied },
  {
    id: 'rfc5280::root-non-critical-basic-constraints',
    we: 'accept',
    why: `${applied} PKITS 4.6.4 wants it accepted.`,
  },
  {
    id: 'rfc5280::serial::zero',
    we: 'accept',
    why: 'RFC 5280 §4.1.2.2 asks who reads certificates to cope with numbers that are zero or negative; a CRL finds them all the same.',
  },
  { id: 'webpki::aki::root-with-aki-all-fields', we: 'accept', why: rootIdentifier },
  { id: 'webpki::aki::root-with-aki-authoritycertissuer', we: 'accept', why: rootIdentifier },
  { id: 'webpki::aki::root-with-aki-missing-keyidentifier', we: 'accept', why: rootIdentifier },
  { id: 'webpki::aki::root-with-aki-ski-mismatch', we: 'accept', why: rootIdentifier },
  {
    id: 'webpki::ca-as-leaf',
    we: 'accept',
    why: 'The suite itself has rfc5280::ca-as-leaf, the same chain, as valid: RFC 5280 lets a CA be judged for itself.',
  },
  {
    id: 'webpki::ee-basicconstraints-ca',
    we: 'accept',
    why: browsers('no cA without keyCertSign. The key cannot be used for signing certificates, which is what counts.'),
  },
  { id: 'webpki::cn::ipv4-leading-zeros-mismatch', we: 'accept', why: commonName },
  { id: 'webpki::cn::ipv6-non-rfc5952-mismatch', we: 'accept', why: commonName },
  { id: 'webpki::cn::ipv6-uncompressed-mismatch', we: 'accept', why: commonName },
  { id: 'webpki::cn::punycode-not-in-san', we: 'accept', why: commonName },
  {
    id: 'webpki::eku::ee-anyeku',
    we: 'accept',
    why: browsers('no anyExtendedKeyUsage. RFC 4945 §5.1.3.12 has it accepted for IKE.'),
  },
  {
    id: 'webpki::eku::ee-critical-eku',
    we: 'accept',
    why: browsers('extKeyUsage is not critical. RFC 5280 §4.2.1.12 allows both, and we act on it.'),
  },
  {
    id: 'webpki::eku::root-has-eku',
    we: 'accept',
    why: browsers('no extKeyUsage in a root. Where a CA has it, we hold those below to it.'),
  },
  {
    id: 'webpki::forbidden-rsa-not-divisible-by-8-in-root',
    we: 'accept',
    why: browsers('lengths of keys in whole octets. A key of 2052 bits is no weaker than one of 2048.'),
  },
  {
    id: 'webpki::san::san-critical-with-nonempty-subject',
    we: 'accept',
    why: browsers('subjectAltName is critical only under an empty subject. RFC 5280 §4.2.1.6 has a SHOULD.'),
  },
]

const dsa =
  'DSA is left out: no method of IKEv2 in use has it (RFC 8247 §4.1), and FIPS 186-5 has withdrawn it. The other cases with DSA are refused, as they should be.'

export const pkitsDeviations: readonly Deviation[] = [
  { id: 'ValidDSASignaturesTest4EE', we: 'refuse', why: dsa },
  { id: 'ValidDSAParameterInheritanceTest5EE', we: 'refuse', why: dsa },
]
