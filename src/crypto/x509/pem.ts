// Text armour (RFC 7468): blocks between BEGIN and END lines, several in a file, with anything else around them.

export interface PemBlock {
  /** `CERTIFICATE`, `X509 CRL`, `PRIVATE KEY`. */
  readonly label: string
  readonly der: Uint8Array
  /** Of the BEGIN line in the file, counted from 1. */
  readonly line: number
}

/** A block that is begun but not whole, or not base64: its line, counted from 1. */
export interface PemFault {
  readonly line: number
  readonly what: string
}

export interface PemText {
  readonly blocks: readonly PemBlock[]
  readonly faults: readonly PemFault[]
}

const BEGIN = /^-----BEGIN ([A-Z0-9 ]{1,40})-----\s*$/
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

export function readPem(text: string): PemText {
  const blocks: PemBlock[] = []
  const faults: PemFault[] = []
  const lines = text.split(/\r\n|\n|\r/)
  for (let at = 0; at < lines.length; at++) {
    const label = BEGIN.exec(lines[at]!)?.[1]
    if (label === undefined) continue
    const line = at + 1
    const body: string[] = []
    const end = `-----END ${label}-----`
    while (++at < lines.length && lines[at]!.trim() !== end && !lines[at]!.startsWith('-----')) body.push(lines[at]!)
    if (lines[at]?.trim() !== end) {
      faults.push({ line, what: `BEGIN ${label} without its END` })
      at--
      continue
    }
    const der = decodeBase64(body)
    if (der === undefined) faults.push({ line, what: `what stands in ${label} is not base64` })
    else blocks.push({ label, der, line })
  }
  return { blocks, faults }
}

/** Old private keys have header lines (RFC 1421) before the base64, ended by an empty one; they are left to OpenSSL. */
function decodeBase64(lines: readonly string[]): Uint8Array | undefined {
  const text = lines.map(line => line.replace(/\s/g, '')).join('')
  if (text === '' || text.length % 4 !== 0 || !BASE64.test(text)) return undefined
  return Uint8Array.fromBase64(text)
}

/** DER as it stands, or what blocks with one of the labels hold. */
export function readPemOrDer(bytes: Uint8Array, labels: readonly string[]): readonly Uint8Array[] {
  // DER of all we read is a SEQUENCE; no text begins with 0x30 and a length of several octets.
  if (bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80) return [bytes]
  const { blocks } = readPem(Buffer.from(bytes).toString('latin1'))
  return blocks.filter(block => labels.includes(block.label)).map(block => block.der)
}

export const certificateLabels = ['CERTIFICATE', 'X509 CERTIFICATE'] as const
export const revocationListLabels = ['X509 CRL', 'CRL'] as const

export function writePem(label: string, der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
