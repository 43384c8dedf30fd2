// Packet cryptography against answers published by others, on every engine that works here: RFCs, the Linux kernel's and
// strongSwan's tests, packets that Linux made, Wycheproof, and the vectors of Intel's IPsec-MB. Each test says how many
// cases it ran and how many it could not, and why.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { aesMac, aesMacWorkBytes } from '../../src/crypto/aes-mac.ts'
import { type CipherAlgorithm, type CipherName, findCipher } from '../../src/crypto/ciphers.ts'
import { findIntegrity, type IntegrityAlgorithm, type IntegrityName } from '../../src/crypto/integrity.ts'
import { counterIvs } from '../../src/crypto/iv-source.ts'
import { PacketCrypto, tryEngine } from '../../src/crypto/packet-crypto.ts'
import { allocateMemory, type EngineName, type PacketEngine } from '../../src/crypto/packet-engine.ts'
import { type EspSuite, espHeaderBytes, splitKeyMaterial } from '../../src/crypto/suites.ts'

const folder = join(import.meta.dirname, '../../../shared/testdata/vectors')
const isHere = existsSync(folder)
const engineNames: readonly EngineName[] = ['node', 'openssl', 'ipsec-mb']
const hex = (text: string) => Uint8Array.fromHex(text)

type Fields = Readonly<Record<string, string>>

interface Group {
  readonly ivSize?: number
  readonly tagSize?: number
  readonly tests: readonly (Fields & { readonly tcId: number })[]
}

function listed(name: string): readonly Fields[] {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')).tests
}

function grouped(name: string): readonly { group: Group; item: Fields }[] {
  const groups: readonly Group[] = JSON.parse(readFileSync(join(folder, name), 'utf8')).testGroups
  return groups.flatMap(group => group.tests.map(item => ({ group, item })))
}

/** Where answers are worked out: nonce or IV, what is authenticated besides, text, ICV. */
const memory = allocateMemory(300_000)
const [NONCE, AAD, TEXT, ICV] = [0, 512, 80_000, 299_000]

/** Runs one combined-mode answer both ways; `isValid` false: it must not open, and show nothing. */
function checkAead(engine: PacketEngine, row: CipherAlgorithm, item: Fields, isValid: boolean, what: string): void {
  const { key, iv, aad = '', msg, ct, tag } = item as Required<Fields>
  const [text, sealed] = [hex(msg!), hex(ct!)]
  const { bytes } = memory
  bytes.set(hex(iv!), NONCE)
  bytes.set(hex(aad), AAD)
  bytes.set(sealed, TEXT)
  bytes.set(hex(tag!), ICV)
  const opener = engine.aeadOpener(row, hex(key!))
  const opened = opener.open(memory, NONCE, AAD, aad.length / 2, memory, TEXT, TEXT, sealed.length, ICV)
  opener.close()
  assert.equal(opened, isValid, `${what}: opening`)
  if (!isValid) {
    const left = bytes.slice(TEXT, TEXT + sealed.length)
    assert.ok(left.every(octet => octet === 0) || left.toHex() === ct, `${what}: something is left to read`)
    return
  }
  assert.equal(bytes.slice(TEXT, TEXT + text.length).toHex(), msg, `${what}: text`)
  const sealer = engine.aeadSealer(row, hex(key!))
  sealer.seal(memory, NONCE, AAD, aad.length / 2, memory, TEXT, TEXT, text.length, ICV)
  sealer.close()
  assert.equal(bytes.slice(TEXT, TEXT + text.length).toHex(), ct, `${what}: sealed`)
  assert.equal(bytes.slice(ICV, ICV + tag!.length / 2).toHex(), tag, `${what}: ICV`)
}

/** An algorithm's row with nonce and ICV of other lengths, which engines can do and ESP does not use. */
function rowOf(name: CipherName, keyBytes: number, nonceBytes: number, icvBytes: number): CipherAlgorithm | undefined {
  const row = findCipher(name, keyBytes, 16)
  return row && { ...row, saltBytes: nonceBytes - row.ivBytes, icvBytes }
}

function checkCbc(engine: PacketEngine, row: CipherAlgorithm, item: Fields, iv: string, what: string): void {
  for (const [direction, from, to] of [
    ['encipher', item['msg']!, item['ct']!],
    ['decipher', item['ct']!, item['msg']!],
  ] as const) {
    memory.bytes.set(hex(iv), NONCE)
    memory.bytes.set(hex(from), TEXT)
    const cipher = engine.cipher(row, hex(item['key']!), direction)
    cipher.apply(memory, NONCE, memory, TEXT, memory, TEXT, from.length / 2)
    cipher.close()
    assert.equal(memory.bytes.slice(TEXT, TEXT + to.length / 2).toHex(), to, `${what}: ${direction}`)
  }
}

function macResult(engine: PacketEngine, row: IntegrityAlgorithm, key: string, text: string): string {
  memory.bytes.set(hex(text), TEXT)
  const mac =
    row.mode === 'aes' ? aesMac(engine, row, hex(key), allocateMemory(aesMacWorkBytes)) : engine.mac(row, hex(key))
  mac.compute(memory, TEXT, text.length / 2, memory, ICV)
  mac.close()
  return memory.bytes.slice(ICV, ICV + mac.resultBytes).toHex()
}

/** A whole ESP packet, through the objects that ESP uses; both ways. `high` where sequence numbers have 64 bits. */
function checkEsp(
  crypto: PacketCrypto,
  suite: EspSuite,
  packet: string,
  text: string,
  key: string,
  high?: number,
): void {
  const { cipher } = suite
  const keys = splitKeyMaterial(suite, hex(key))
  const header = espHeaderBytes(suite)
  const whole = hex(packet)
  const iv = BigInt(`0x${whole.slice(8, header).toHex() || '0'}`)
  const extendedSequence = high !== undefined
  const opener = crypto.opener(suite, keys, { extendedSequence })
  memory.bytes.set(whole, TEXT)
  assert.ok(opener.open(memory, TEXT, whole.length, TEXT + header, high ?? 0), `${cipher.name}: not authentic`)
  assert.equal(memory.bytes.slice(TEXT + header, TEXT + header + text.length / 2).toHex(), text)
  memory.bytes.set(whole, TEXT)
  memory.bytes[TEXT + whole.length - 1]! ^= 1
  assert.ok(!opener.open(memory, TEXT, whole.length, TEXT + header, high ?? 0), `${cipher.name}: a wrong ICV`)
  opener.close()
  const ivs = counterIvs(Number(iv >> 56n), iv & (2n ** 56n - 1n))
  const sealer = crypto.sealer(suite, keys, { extendedSequence, ivs })
  memory.bytes.set(hex(text), TEXT + header)
  sealer.seal(memory, TEXT, TEXT + header, text.length / 2, high ?? 0)
  sealer.close()
  assert.equal(memory.bytes.slice(TEXT, TEXT + whole.length).toHex(), packet, cipher.name)
}

for (const name of engineNames) {
  const engine = tryEngine(name)
  const skip =
    typeof engine === 'string'
      ? `skipped, because ${engine}`
      : isHere
        ? false
        : 'skipped, because the vectors are not here'
  const own = engine as PacketEngine
  const crypto = () => new PacketCrypto([own, tryEngine('node') as PacketEngine])

  describe(`published answers on the engine ${name}`, { skip }, () => {
    for (const [file, cipher] of [
      ['wycheproof/aes_gcm_test.json', 'aes-gcm'],
      ['wycheproof/chacha20_poly1305_test.json', 'chacha20-poly1305'],
      ['intel-ipsec-mb/gcm_test.json', 'aes-gcm'],
      ['intel-ipsec-mb/ccm_128_test.json', 'aes-ccm'],
      ['intel-ipsec-mb/chacha20_poly1305_test.json', 'chacha20-poly1305'],
    ] as const) {
      test(`${file}: every case that has a nonce and an ICV of a possible length`, t => {
        const counts = { valid: 0, invalid: 0, 'not applicable': 0 }
        for (const { group, item } of grouped(file)) {
          const [nonce, icv] = [group.ivSize! / 8, group.tagSize! / 8]
          const row = rowOf(cipher, item['key']!.length / 2, nonce, icv)
          const isPossible = cipher === 'aes-ccm' ? icv % 2 === 0 && icv >= 4 : nonce === 12 && icv >= 4
          if (row === undefined || !isPossible || !own.supports(row)) {
            counts['not applicable']++
            continue
          }
          const isValid = item['result'] === 'valid'
          checkAead(own, row, item, isValid, `${file} ${item['tcId']}`)
          counts[isValid ? 'valid' : 'invalid']++
        }
        report(t, counts)
      })
    }

    test('wycheproof/aes_gmac_test.json: every case with a nonce of 12 octets', t => {
      const counts = { valid: 0, invalid: 0, 'not applicable': 0 }
      for (const { group, item } of grouped('wycheproof/aes_gmac_test.json')) {
        if (group.ivSize !== 96) {
          counts['not applicable']++
          continue
        }
        const isValid = item['result'] === 'valid'
        const row = findCipher('aes-gmac', item['key']!.length / 2, 16)!
        checkAead(own, row, { ...item, aad: item['msg']!, msg: '', ct: '' } as Fields, isValid, `${item['tcId']}`)
        counts[isValid ? 'valid' : 'invalid']++
      }
      report(t, counts)
    })

    for (const [file, integrity] of [
      ['wycheproof/hmac_sha1_test.json', 'hmac-sha1'],
      ['wycheproof/hmac_sha256_test.json', 'hmac-sha2-256'],
      ['wycheproof/hmac_sha512_test.json', 'hmac-sha2-512'],
      ['wycheproof/aes_cmac_test.json', 'aes-cmac'],
      ['intel-ipsec-mb/hmac_md5_test.json', 'hmac-md5'],
      ['intel-ipsec-mb/hmac_sha1_test.json', 'hmac-sha1'],
      ['intel-ipsec-mb/hmac_sha256_test.json', 'hmac-sha2-256'],
      ['intel-ipsec-mb/xcbc_test.json', 'aes-xcbc'],
    ] as const) {
      const row = findIntegrity(integrity)!
      const needed = row.mode === 'aes' ? findCipher('aes-cbc', 16, 0)! : row
      const lacks = typeof engine === 'object' && !engine.supports(needed)
      test(`${file}: every case`, { skip: lacks && 'skipped, because this engine leaves it to the next' }, t => {
        const counts = { valid: 0, invalid: 0, 'not applicable': 0 }
        for (const { item } of grouped(file)) {
          if (row.mode === 'aes' && item['key']!.length !== 32) {
            counts['not applicable']++
            continue
          }
          const result = macResult(own, row, item['key']!, item['msg']!)
          const isValid = item['result'] === 'valid'
          assert.equal(result.startsWith(item['tag']!), isValid, `${file} ${item['tcId']}`)
          counts[isValid ? 'valid' : 'invalid']++
        }
        report(t, counts)
      })
    }

    for (const [file, cipher] of [
      ['wycheproof/aes_cbc_pkcs5_test.json', 'aes-cbc'],
      ['intel-ipsec-mb/cbc_test.json', 'aes-cbc'],
      ['intel-ipsec-mb/des3_test.json', '3des-cbc'],
    ] as const) {
      const lacks = typeof engine === 'object' && !engine.supports(findCipher('aes-cbc', 16, 0)!)
      test(`${file}: every valid case`, { skip: lacks && 'skipped, because this engine leaves it to the next' }, t => {
        const counts = { valid: 0, 'not applicable': 0 }
        for (const { item } of grouped(file)) {
          // What is invalid here is padding of a kind that ESP does not have.
          if (item['result'] !== 'valid') {
            counts['not applicable']++
            continue
          }
          const pad = (item['ct']!.length - item['msg']!.length) / 2
          const padded = { ...item, msg: item['msg'] + pad.toString(16).padStart(2, '0').repeat(pad) } as Fields
          const row = findCipher(cipher, item['key']!.length / 2, 0)!
          checkCbc(own, row, padded, item['iv']!, `${file} ${item['tcId']}`)
          counts.valid++
        }
        report(t, counts)
      })
    }

    test('RFC 3602 §4, the kernel and strongSwan on CBC and CTR, DES and 3DES', t => {
      const counts = { valid: 0, 'not applicable': 0 }
      const names: Readonly<Record<string, CipherName>> = {
        ENCR_AES_CBC: 'aes-cbc',
        ENCR_AES_CTR: 'aes-ctr',
        ENCR_3DES: '3des-cbc',
        ENCR_DES: 'des-cbc',
      }
      const rfc3602 = listed('esp/rfc3602-section4.json').map(item => ({ ...item, alg: 'ENCR_AES_CBC' }))
      for (const item of [...rfc3602, ...listed('esp/strongswan-ciphers.json')] as readonly Fields[]) {
        const cipher = names[item['alg']!]
        const keyBytes = item['key']!.length / 2 - (cipher === 'aes-ctr' ? 4 : 0)
        const row = cipher && findCipher(cipher, keyBytes, 0)
        if (row === undefined || !own.supports(row)) {
          counts['not applicable']++
          continue
        }
        const msg = item['pt'] ?? item['plain'] ?? item['padded_plaintext']!
        const ct = item['ct'] ?? item['cipher']!
        const key = item['key']!.slice(0, 2 * keyBytes)
        const iv = cipher === 'aes-ctr' ? `${item['key']!.slice(2 * keyBytes)}${item['iv']}00000001` : item['iv']!
        checkCbc(own, row, { key, msg, ct }, iv, `${item['name'] ?? item['case']}`)
        counts.valid++
      }
      report(t, counts)
    })

    test('strongSwan on integrity, as AH would sign it', t => {
      const counts = { valid: 0, 'not applicable': 0 }
      const names: Readonly<Record<string, IntegrityName>> = {
        AUTH_HMAC_MD5_96: 'hmac-md5',
        AUTH_HMAC_SHA1_96: 'hmac-sha1',
        AUTH_HMAC_SHA2_256_128: 'hmac-sha2-256',
        AUTH_HMAC_SHA2_384_192: 'hmac-sha2-384',
        AUTH_AES_XCBC_96: 'aes-xcbc',
        AUTH_AES_CMAC_96: 'aes-cmac',
      }
      for (const item of listed('esp/strongswan-mac-prf.json')) {
        const known = names[item['alg']!]
        const integrity = known && findIntegrity(known)
        if (integrity === undefined || item['key']!.length !== 2 * integrity.keyBytes) {
          counts['not applicable']++
          continue
        }
        const suite = { protocol: 'ah', integrity } as const
        const keys = splitKeyMaterial(suite, hex(item['key']!))
        const signer = crypto().authenticator(suite, keys, { extendedSequence: false })
        signer.start()
        signer.add(hex(item['data']!), 0, item['data']!.length / 2)
        const icv = new Uint8Array(integrity.icvBytes)
        signer.sign(0, icv, 0)
        signer.close()
        // Some of them are listed with more octets than the algorithm sends.
        assert.ok(item['mac']!.startsWith(icv.toHex()), item['name']!)
        counts.valid++
      }
      report(t, counts)
    })

    test('the kernel on CBC with HMAC: enciphered first, then authenticated', t => {
      const counts = { valid: 0, 'not applicable': 0 }
      const macs = { sha1: 'hmac-sha1', sha256: 'hmac-sha2-256', sha512: 'hmac-sha2-512' } as const
      const names = { 'aes-cbc': 'aes-cbc', '3des-cbc': '3des-cbc', 'des-cbc': 'des-cbc', null: 'null' } as const
      for (const item of listed('esp/linux-authenc.json')) {
        const [mac, cipher] = item['kind']!.split('+') as [keyof typeof macs, keyof typeof names]
        const row = findCipher(names[cipher], item['enc_key']!.length / 2, 0)
        const integrity = findIntegrity(macs[mac])!
        if (row === undefined || !own.supports(integrity)) {
          counts['not applicable']++
          continue
        }
        const { enc_key: key = '', iv = '', pt: msg = '', ct = '' } = item
        if (row.mode !== 'null') checkCbc(own, row, { key, msg, ct }, iv, item['kind']!)
        assert.equal(macResult(own, integrity, item['auth_key']!, item['assoc']! + ct), item['icv'], item['kind']!)
        counts.valid++
      }
      report(t, counts)
    })

    test('RFC 3566 on XCBC and RFC 4868 on the HMACs, read from their text', t => {
      const counts = { xcbc: 0, hmac: 0 }
      const octets = (text: string | undefined) => (text ?? '').replace(/\s/g, '')
      const xcbc = readFileSync(join(folder, 'esp/rfc3566-testvectors.txt'), 'latin1')
      for (const part of own.supports(findCipher('aes-cbc', 16, 0)!) ? xcbc.split('Test Case #').slice(1) : []) {
        const isLong = part.includes('1000-byte')
        const message = isLong ? '00'.repeat(1000) : octets(/Message \(M\)\s*: ((?:[0-9a-f]+\s+)*)/.exec(part)?.[1])
        const key = octets(/Key \(K\)\s*: ([0-9a-f]+)/.exec(part)?.[1])
        const mac = octets(/AES-XCBC-MAC {3}: ([0-9a-f]+)/.exec(part)?.[1])
        assert.equal(macResult(own, findIntegrity('aes-xcbc')!, key, message), mac)
        counts.xcbc++
      }
      const hmac = readFileSync(join(folder, 'esp/rfc4868-testvectors.txt'), 'latin1').replace(/\(.*?\)/g, '')
      for (const [part, size] of hmac.matchAll(/Test Case AUTH(256|384|512)-\d:[\s\S]*?(?=Test Case AUTH|$)/g)) {
        const row = findIntegrity(`hmac-sha2-${size as '256' | '384' | '512'}`)!
        if (!own.supports(row)) continue
        const field = (label: string) => octets(new RegExp(`${label} =\\s+((?:[0-9a-f]{2,}\\s+)+)`).exec(part)?.[1])
        const icv = field(`\\n\\s+HMAC-SHA-${size}-\\d+`)
        assert.equal(icv.length, 2 * row.icvBytes)
        // AUTH512-4 prints a first line that is not of the key of 64 octets it speaks of.
        const key = field('Key').slice(-2 * row.keyBytes)
        assert.equal(macResult(own, row, key, field('Data')).slice(0, icv.length), icv)
        counts.hmac++
      }
      assert.ok(name === 'ipsec-mb' || (counts.xcbc === 7 && counts.hmac === 12))
      report(t, counts)
    })

    test('the GCM-ESP packets of draft-mcgrew-gcm-test, whole', t => {
      for (const item of listed('esp/draft-mcgrew-gcm-test-01.json')) {
        const suite: EspSuite = { protocol: 'esp', cipher: findCipher('aes-gcm', item['key']!.length / 2, 16)! }
        const high = item['esn'] ? Number(BigInt(`0x${item['seq']}`) >> 32n) : undefined
        checkEsp(crypto(), suite, item['esp_packet']!, item['plaintext']!, item['key']! + item['salt']!, high)
      }
      report(t, { valid: 9 })
    })

    test('the ESP packet of RFC 7634 Appendix A, whole', () => {
      const item = listed('esp/rfc7634-appendix.json')[0]!
      const suite: EspSuite = { protocol: 'esp', cipher: findCipher('chacha20-poly1305', 32, 16)! }
      checkEsp(crypto(), suite, item['packet']!.slice(40), item['plaintext']!, item['keymat']!)
    })

    test('the kernel on GCM, CCM, GMAC and ChaCha20-Poly1305 in ESP, as whole packets', t => {
      const counts = { valid: 0, invalid: 0 }
      for (const [file, cipher] of [
        ['linux-rfc4106', 'aes-gcm'],
        ['linux-rfc4309', 'aes-ccm'],
        ['linux-rfc4543', 'aes-gmac'],
        ['linux-rfc7539esp', 'chacha20-poly1305'],
      ] as const) {
        for (const item of listed(`esp/${file}.json`)) {
          const { key = '', salt = '', iv = '', aad = '', pt = '', ct = '', icv = '' } = item
          const suite: EspSuite = { protocol: 'esp', cipher: findCipher(cipher, key.length / 2, 16)! }
          const high = aad.length === 24 ? Number(`0x${aad.slice(8, 16)}`) : undefined
          const packet = aad.slice(0, 8) + aad.slice(-8) + iv + ct + icv
          if (item['expect'] === 'accept') {
            checkEsp(crypto(), suite, packet, pt, key + salt, high)
            counts.valid++
            continue
          }
          const keys = splitKeyMaterial(suite, hex(key + salt))
          const opener = crypto().opener(suite, keys, { extendedSequence: high !== undefined })
          memory.bytes.set(hex(packet), TEXT)
          assert.ok(!opener.open(memory, TEXT, packet.length / 2, TEXT + 16, high ?? 0))
          opener.close()
          counts.invalid++
        }
      }
      report(t, counts)
    })

    test('strongSwan on GCM, CCM and ChaCha20-Poly1305, with ICVs of 8, 12 and 16 octets', t => {
      const counts = { valid: 0, 'not applicable': 0 }
      const names: Readonly<Record<string, CipherName>> = { GCM: 'aes-gcm', CCM: 'aes-ccm', CHA: 'chacha20-poly1305' }
      for (const item of listed('esp/strongswan-aead.json')) {
        const cipher = names[/GCM|CCM|CHA/.exec(item['alg']!)![0]]!
        const icvBytes = Number(/ICV(\d+)/.exec(item['alg']!)?.[1] ?? 16)
        const row = findCipher(cipher, item['key']!.length / 2, icvBytes)
        if (row === undefined || !own.supports(row)) {
          counts['not applicable']++
          continue
        }
        const border = item['cipher']!.length - 2 * icvBytes
        const { key = '', salt = '', iv = '', adata: aad = '', plain: msg = '' } = item
        const [ct, tag] = [item['cipher']!.slice(0, border), item['cipher']!.slice(border)]
        checkAead(own, row, { key, iv: salt + iv, aad, msg, ct, tag }, true, item['name']!)
        counts.valid++
      }
      report(t, counts)
    })

    test('packets that a Linux kernel sent: GCM, CCM and GMAC, with 64-bit sequence numbers too', t => {
      let valid = 0
      const names: Readonly<Record<string, CipherName>> = {
        'AES-GCM': 'aes-gcm',
        'AES-CCM': 'aes-ccm',
        'AES-NULL-GMAC': 'aes-gmac',
      }
      for (const item of listed('esp/scapy-linux-esp.json')) {
        const cipher = names[item['crypt_algo']!]
        if (cipher === undefined) continue
        const row = findCipher(cipher, 16, Number(item['icv_size'] ?? 16))!
        const high = item['esn_high'] === null ? undefined : Number(item['esn_high'])
        const sequence = Number(item['seq']).toString(16).padStart(8, '0')
        const packet = `00000222${sequence}${item['payload_after_spi_seq']}`
        checkEsp(crypto(), { protocol: 'esp', cipher: row }, packet, item['plaintext']!, item['crypt_key']!, high)
        valid++
      }
      report(t, { valid })
    })
  })
}

function report(t: { diagnostic(text: string): void }, counts: Readonly<Record<string, number>>): void {
  const said = Object.entries(counts).map(([what, count]) => `${count} ${what}`)
  t.diagnostic(said.join(', '))
}
