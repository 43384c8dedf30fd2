// Wireshark's table `esp_sa`, as people have it beside their captures: one line for each direction, fields in quotes
// (`"IPv4","10.0.0.1","10.0.0.2","0x12345678",cipher,key,integrity,key`), `*` for any address.
import { type Address, parseAddress } from '../base/address.ts'
import { failure, type Result, success } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import { type CipherAlgorithm, ciphers, findCipher } from '../crypto/ciphers.ts'
import { findIntegrity, type IntegrityAlgorithm, type IntegrityName } from '../crypto/integrity.ts'
import { wiresharkIntegrities } from '../ipsec/wireshark-table.ts'
import { type KeysRead, type KnownKey, keyProblem } from './known-key.ts'

const FIELDS = 8
const MOST_SPI = 0xffffffff

const integrities = new Map(
  Object.entries(wiresharkIntegrities).map(([name, shown]) => [shown, findIntegrity(name as IntegrityName)!]),
)

/** `where` names the file. */
export function readEspTable(text: string, where: string): KeysRead {
  const keys: KnownKey[] = []
  const problems = []
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const read = readLine(line)
    if (read.ok) keys.push(read.value)
    else problems.push(keyProblem('warning', `${where}:${index + 1}`, read.error))
  }
  return { keys, problems }
}

function readLine(line: string): Result<KnownKey, string> {
  const fields = fieldsOf(line)
  if (fields === undefined || fields.length < FIELDS) return failure(`no line of esp_sa: ${FIELDS} fields in quotes`)
  const [version, source, destination, spi, cipherName, cipherKey, integrityName, integrityKey] = fields as [
    ...[string, string, string, string, string, string, string, string],
  ]
  const number = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(spi) ? Number(spi) : Number.NaN
  if (!(number > 0 && number <= MOST_SPI)) return failure(`“${spi}” is no SPI: its packets are not opened`)
  const from = addressOf(source, version)
  const to = addressOf(destination, version)
  if (from === false || to === false) {
    return failure(`“${from === false ? source : destination}” is no address of ${version}: write one address, or *`)
  }
  const material = keyOf(cipherKey)
  const secret = keyOf(integrityKey)
  if (material === undefined || secret === undefined) return failure('a key is not in hexadecimal digits')
  const cipher = cipherOf(cipherName, material.length)
  if (typeof cipher === 'string') return failure(cipher)
  const integrity = integrityOf(integrityName, cipher, secret)
  if (typeof integrity === 'string') return failure(integrity)
  return success({
    spi: number,
    ...(from === undefined ? {} : { source: from }),
    ...(to === undefined ? {} : { destination: to }),
    suite: { protocol: 'esp', cipher, ...(integrity === undefined ? {} : { integrity }) },
    keys: { cipher: new Secret(material), integrity: new Secret(secret) },
    extendedSequence: false,
  })
}

/** Fields between quotes; a backslash and an x stand in front of two digits of an octet, another backslash in front of itself. */
function fieldsOf(line: string): readonly string[] | undefined {
  const fields: string[] = []
  let rest = line
  for (;;) {
    const match = /^\s*"((?:[^"\\]|\\.)*)"\s*(,|$)/.exec(rest)
    if (match === null) return undefined
    fields.push(
      match[1]!.replace(/\\x([0-9a-f]{2})|\\(.)/gi, (_, octet: string | undefined, other: string) =>
        octet === undefined ? other : String.fromCharCode(Number.parseInt(octet, 16)),
      ),
    )
    rest = rest.slice(match[0].length)
    if (match[2] === '') return fields
  }
}

/** Undefined for any, false for what is none. */
function addressOf(text: string, version: string): Address | undefined | false {
  if (text === '*' || text === '') return undefined
  const address = parseAddress(text)
  return address !== undefined && `ipv${address.family}` === version.toLowerCase() ? address : false
}

/** As Wireshark takes keys: hexadecimal behind 0x, else the characters themselves. */
function keyOf(text: string): Uint8Array | undefined {
  if (!/^0x/i.test(text)) return new TextEncoder().encode(text)
  const digits = text.slice(2)
  return digits.length % 2 === 0 && /^[0-9a-f]*$/i.test(digits) ? Uint8Array.fromHex(digits) : undefined
}

const cipherNames: readonly (readonly [RegExp, CipherAlgorithm['name']])[] = [
  [/^NULL$/, 'null'],
  [/^TripleDES-CBC/, '3des-cbc'],
  [/^AES-CBC/, 'aes-cbc'],
  [/^AES-CTR/, 'aes-ctr'],
  [/^DES-CBC/, 'des-cbc'],
  [/^AES-GCM/, 'aes-gcm'],
  [/^ChaCha20/i, 'chacha20-poly1305'],
]

function cipherOf(shown: string, bytes: number): CipherAlgorithm | string {
  const name = cipherNames.find(([form]) => form.test(shown))?.[1]
  if (name === undefined) return `the cipher “${shown}” is not known here: its packets are not opened`
  if (name === 'null') return findCipher('null', 0, 0)!
  const stated = /with (\d+) octet ICV/.exec(shown)?.[1]
  const icvBytes = name === 'aes-gcm' || name === 'chacha20-poly1305' ? Number(stated ?? 16) : 0
  const cipher = ciphers.find(
    row => row.name === name && row.icvBytes === icvBytes && row.keyBytes + row.saltBytes === bytes,
  )
  return cipher ?? `a key of ${bytes} octets does not fit ${shown}`
}

function integrityOf(shown: string, cipher: CipherAlgorithm, key: Uint8Array): IntegrityAlgorithm | undefined | string {
  if (cipher.icvBytes > 0) return undefined
  const integrity = integrities.get(shown)
  if (integrity === undefined) return `without a check value that can be checked (“${shown}”) nothing is proved`
  return integrity.keyBytes === key.length ? integrity : `a key of ${key.length} octets does not fit ${shown}`
}
