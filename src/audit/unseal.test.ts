// An audit with keys: what opens, what only looks sealed, and what is inside. The seals are made by our own data plane,
// whose packets other implementations open (test/interop); the tables of keys are those that Wireshark and Linux have.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Audited, auditFrames, everything, policy, rule } from '../../test/audit-frames.ts'
import { icmp, ip, RAW_IP, tcp, udp } from '../../test/build-frames.ts'
import { parseAddress } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import { choosePacketCrypto } from '../crypto/packet-crypto.ts'
import { keyMaterialBytes, type Suite, splitKeyMaterial, suiteOf } from '../crypto/suites.ts'
import type { AssociationSpec, LayerSpec } from '../ipsec/association.ts'
import { AssociationDatabase } from '../ipsec/association-database.ts'
import { sealPacket, Workbench } from '../ipsec/seal.ts'
import { espTable } from '../ipsec/wireshark-table.ts'
import { offerOf } from '../policy/offers.ts'
import { readKeyText } from './key-file.ts'
import type { KnownKey } from './known-key.ts'

const A = '10.54.0.1'
const B = '10.54.0.2'
const SPI = 0x1000
const random = seededRandom(5)
const crypto = choosePacketCrypto()
const bench = new Workbench()

type Options = Partial<Pick<AssociationSpec, 'mode' | 'encapsulation'>> & { readonly v6?: boolean }

function specOf(security: string, { mode = 'transport', v6 = false, ...rest }: Options = {}): AssociationSpec {
  const offer = offerOf(security)
  assert.ok(offer.ok)
  const layers = offer.value.protections.map((protection, index): LayerSpec => {
    const suite = suiteOf(protection)!
    const material = new Uint8Array(keyMaterialBytes(suite))
    random.fill(material)
    const keys = splitKeyMaterial(suite, material)
    const spi = SPI + index
    return suite.protocol === 'esp'
      ? { protocol: suite.protocol, spi, suite, keys }
      : { protocol: suite.protocol, spi, suite, keys }
  })
  const [source, destination] = (v6 ? ['fd00::1', 'fd00::2'] : [A, B]).map(text => parseAddress(text)!)
  return {
    ...{ rule: 'both', mode, source: source!, destination: destination!, selectors: [], layers, ...rest },
    ...{ extendedSequence: false, replayWindow: 64, lifetime: { soft: {}, hard: {} } },
  }
}

function sealed(spec: AssociationSpec, packets: readonly Uint8Array[]): readonly Uint8Array[] {
  const database = new AssociationDatabase(crypto)
  const association = database.install({ inbound: spec, outbound: spec }, 0)
  return packets.map(packet => {
    const made = sealPacket(bench, association, packet)
    assert.ok('packet' in made)
    return made.packet
  })
}

const kerberos = ip(A, B, 6, tcp(49152, 88, new Uint8Array(300)))
const ldap = ip(A, B, 6, tcp(49153, 389, new Uint8Array(90)))
const ping = ip(A, B, 1, icmp(8))

/** Keys straight from the association, without a file. */
function keysOf({ layers, source, destination, extendedSequence }: AssociationSpec): readonly KnownKey[] {
  return layers.map(({ spi, suite, keys }) => ({
    spi,
    source,
    destination,
    suite: suite as Suite,
    keys,
    extendedSequence,
  }))
}

function audited(frames: readonly Uint8Array[], keys: readonly KnownKey[], by = everything): Audited {
  return auditFrames(frames, { policy: by, keys, linkType: RAW_IP })
}

describe('what a given key fits opens, and what is inside is counted by its class', () => {
  const methods = [
    'esp-aes256gcm16',
    'esp-aes128-sha256',
    'esp-chacha20poly1305',
    'esp-3des-sha1',
    'ah-sha256',
    'ah-sha1+esp-3des-sha1',
  ]
  for (const method of methods) {
    for (const mode of ['transport', 'tunnel'] as const) {
      test(`${method}, ${mode} mode`, () => {
        const spec = specOf(method, { mode })
        const { report } = audited(sealed(spec, [kerberos, ldap, ping]), keysOf(spec))
        assert.equal(report.totals.protected, 3)
        const { opened, inside, notAuthentic, readable } = report.seals!
        assert.deepEqual({ opened, notAuthentic }, { opened: 3, notAuthentic: 0 })
        assert.deepEqual([inside.kerberos, inside.unicast], [1, 2])
        assert.equal(readable, method === 'ah-sha256' ? 3 : 0)
      })
    }
  }

  test('ESP in UDP, and over IPv6', () => {
    const inUdp = specOf('esp-aes256gcm16', { encapsulation: { sourcePort: 4500, destinationPort: 4500 } })
    assert.equal(audited(sealed(inUdp, [kerberos]), keysOf(inUdp)).report.seals!.inside.kerberos, 1)
    const overIpv6 = specOf('esp-aes256gcm16', { v6: true })
    const packet = ip('fd00::1', 'fd00::2', 17, udp(50000, 88, new Uint8Array(40)))
    assert.equal(audited(sealed(overIpv6, [packet]), keysOf(overIpv6)).report.seals!.inside.kerberos, 1)
  })
})

test('a packet whose check value does not fit its key is malformed, whichever octet was changed, and is not protected', () => {
  const spec = specOf('esp-aes256gcm16')
  const [packet] = sealed(spec, [kerberos])
  for (let at = 24; at < packet!.length; at += 7) {
    const forged = packet!.slice()
    forged[at] = forged[at]! ^ 0x10
    const { report, verdicts } = audited([forged], keysOf(spec))
    assert.deepEqual(verdicts, ['malformed'], `octet ${at}`)
    assert.equal(report.seals!.notAuthentic, 1)
    assert.match(report.findings[0]!.because, /check value does not fit/)
  }
})

test('a forged seal excuses no clear packet behind it as its opened copy', () => {
  const spec = specOf('esp-aes256gcm16')
  const packets = Array.from({ length: 30 }, (_, index) =>
    ip(A, B, 6, tcp(49152, 389, new Uint8Array(100 + index)), { identification: index + 1 }),
  )
  const frames = (isForged: boolean) =>
    sealed(spec, packets).flatMap((one, index) => {
      if (isForged) one[30] = one[30]! ^ 1
      return [one, packets[index]!]
    })
  assert.equal(audited(frames(false), keysOf(spec)).report.totals.leaked, 0)
  const forged = audited(frames(true), keysOf(spec)).report
  assert.equal(forged.totals.leaked, 30)
  assert.equal(forged.totals.malformed, 30)
})

test('without a key for its SPI, or for another pair of hosts, a seal is taken at its word and counted as such', () => {
  const spec = specOf('esp-aes256gcm16')
  const [key] = keysOf(spec)
  for (const other of [
    { ...key!, spi: SPI + 7 },
    { ...key!, destination: parseAddress('10.54.0.9')! },
  ]) {
    const { report } = audited(sealed(spec, [kerberos]), [other])
    assert.equal(report.totals.protected, 1)
    assert.deepEqual([report.seals!.opened, report.seals!.noKey], [0, 1])
  }
})

test('what is sealed though the policy blocks it is told as blocked', () => {
  const spec = specOf('esp-aes256gcm16')
  const blocking = policy([rule(A, B), rule(A, B, { name: 'No LDAP', protocol: 6, port: 389, action: 'block' })])
  const { report, verdicts } = audited(sealed(spec, [kerberos, ldap]), keysOf(spec), blocking)
  assert.deepEqual(verdicts, ['protected', 'blocked'])
  assert.match(report.findings[0]!.because, /what is inside must not pass: rule “No LDAP”/)
})

test('the same packet again is authentic and counted as repeated', () => {
  const spec = specOf('esp-aes256gcm16')
  const [packet] = sealed(spec, [kerberos])
  const { seals, totals } = audited([packet!, packet!, packet!], keysOf(spec)).report
  assert.deepEqual([seals!.opened, seals!.repeated, totals.protected], [3, 2, 3])
})

test('a packet that the capture holds only in part is neither opened nor doubted', () => {
  const spec = specOf('esp-aes256gcm16')
  const [packet] = sealed(spec, [kerberos])
  const cut = auditFrames([{ bytes: packet!.subarray(0, 60), originalLength: packet!.length }], {
    policy: everything,
    keys: keysOf(spec),
    linkType: RAW_IP,
  })
  assert.deepEqual([cut.report.seals!.cut, cut.report.totals.protected], [1, 1])
})

describe('files of keys', () => {
  test("Wireshark's table opens what was sealed under it", () => {
    const methods = [
      'esp-aes256gcm16',
      'esp-aes128gcm8',
      'esp-aes256-sha256',
      'esp-aes128ctr-sha256',
      'esp-3des-sha1',
      'esp-null-sha256',
    ]
    for (const method of methods) {
      const spec = specOf(method)
      const read = readKeyText({ where: 'esp_sa', text: `# mine\n${espTable([spec])}` })
      assert.deepEqual(read.problems, [], method)
      assert.equal(audited(sealed(spec, [kerberos, ping]), read.keys).report.seals!.opened, 2, method)
    }
  })

  test('lines that cannot be used are told with their number, and the others count', () => {
    const good = espTable([specOf('esp-aes256gcm16')])
    const lines = [
      '"IPv4","*","*","0x10","BLOWFISH-CBC [RFC2451]","0x00","NULL",""',
      '"IPv4","*","*","*","AES-CBC [RFC3602]","0x00","NULL",""',
      '"IPv4","10.0.0.1/8","*","0x10","NULL","","NULL",""',
      '"IPv4","*","*","0x10","AES-CBC [RFC3602]","0x0","NULL",""',
      '"IPv4","*","*","0x10","AES-CBC [RFC3602]","0x00112233445566778899aabbccddeeff","ANY 96 bit authentication [no checking]",""',
      '"IPv4","*","*","0x10","AES-GCM with 16 octet ICV [RFC4106]","0x0011","NULL",""',
      '"IPv4","*"',
    ]
    const { keys, problems } = readKeyText({ where: 'esp_sa', text: `${good}${lines.join('\r\n')}\n` })
    assert.equal(keys.length, 1)
    assert.deepEqual(
      problems.map(({ where, severity }) => [where, severity]),
      lines.map((_, index) => [`esp_sa:${index + 2}`, 'warning']),
    )
  })

  test('what ip xfrm state prints opens what was sealed under it', () => {
    for (const [method, words] of kernelWords) {
      const spec = specOf(method)
      const state = `src ${A} dst ${B}\n${spec.layers.map(layer => stateOf(layer, words)).join('')}`
      const read = readKeyText({ where: 'state', text: state })
      assert.deepEqual(read.problems, [], method)
      assert.equal(audited(sealed(spec, [kerberos]), read.keys).report.seals!.opened, 1, method)
    }
  })

  test('no bytes of such a file throw', () => {
    const texts = [
      espTable([specOf('esp-aes256-sha256')]),
      `src ${A} dst ${B}\n${stateOf(specOf('esp-aes256gcm16').layers[0]!, 'aead rfc4106(gcm(aes)) KEY 128')}`,
    ]
    const letters = ['"', ',', '0x', '\\', '\n', ' ', 'f', 'proto', '\u0000']
    const draws = seededRandom(9)
    const draw = (below: number) => Math.floor(draws.fraction() * below)
    for (const text of texts) {
      for (let run = 0; run < 3000; run++) {
        const at = draw(text.length)
        readKeyText({ where: 'x', text: text.slice(0, at) + letters[draw(letters.length)]! + text.slice(at + draw(4)) })
      }
    }
  })
})

/** Lines of the kernel for a method; KEY and AUTH stand for the keys. */
const kernelWords: readonly (readonly [string, string])[] = [
  ['esp-aes256gcm16', 'aead rfc4106(gcm(aes)) KEY 128'],
  ['esp-aes128ccm8', 'aead rfc4309(ccm(aes)) KEY 64'],
  ['esp-chacha20poly1305', 'aead rfc7539esp(chacha20,poly1305) KEY 128'],
  ['esp-aes128gmac', 'aead rfc4543(gcm(aes)) KEY 128'],
  ['esp-aes256-sha256', 'auth-trunc hmac(sha256) AUTH 128\n\tenc cbc(aes) KEY'],
  ['esp-aes128ctr-sha1', 'auth-trunc hmac(sha1) AUTH 96\n\tenc rfc3686(ctr(aes)) KEY'],
  ['esp-3des-md5', 'auth hmac(md5) AUTH\n\tenc cbc(des3_ede) KEY'],
  ['esp-null-sha384', 'auth-trunc hmac(sha384) AUTH 192\n\tenc ecb(cipher_null)'],
  ['ah-sha512', 'auth-trunc hmac(sha512) AUTH 256'],
  ['ah-aesxcbc', 'auth-trunc xcbc(aes) AUTH 96'],
]

function stateOf({ protocol, spi, keys }: LayerSpec, words: string): string {
  const filled = words
    .replace('KEY', `0x${keys.cipher.reveal().toHex()}`)
    .replace('AUTH', `0x${keys.integrity.reveal().toHex()}`)
  return `\tproto ${protocol} spi 0x${spi.toString(16).padStart(8, '0')} reqid 1 mode transport\n\treplay-window 32\n\t${filled}\n\tsel src 0.0.0.0/0 dst 0.0.0.0/0\n`
}
