// Wireshark is the judge: with the table that we write it opens what we seal, and finds every ICV good.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { seededRandom } from '../base/random.ts'
import { choosePacketCrypto } from '../crypto/packet-crypto.ts'
import { keyMaterialBytes, splitKeyMaterial, suiteOf } from '../crypto/suites.ts'
import { offerOf } from '../policy/offers.ts'
import { CaptureWriter } from '../wire/capture-writer.ts'
import type { AssociationPair, AssociationSpec } from './association.ts'
import { AssociationDatabase } from './association-database.ts'
import { sealPacket, Workbench } from './seal.ts'
import { espTable } from './wireshark-table.ts'

const RAW_IP = 101
const random = seededRandom(11)
const dc1 = parseAddress('10.54.0.1')!
const dc2 = parseAddress('10.54.0.2')!

function spec(security: string, spi: number): AssociationSpec {
  const offer = offerOf(security)
  assert.ok(offer.ok)
  const suite = suiteOf(offer.value.protections[0]!)
  assert.ok(suite?.protocol === 'esp')
  const material = new Uint8Array(keyMaterialBytes(suite))
  random.fill(material)
  return {
    ...{ rule: 'both', mode: 'transport', source: dc1, destination: dc2, selectors: [] },
    layers: [{ protocol: 'esp', spi, suite, keys: splitKeyMaterial(suite, material) }],
    ...{ extendedSequence: false, replayWindow: 64, lifetime: { soft: {}, hard: {} } },
  }
}

/** A ping of 84 octets, as it would be sent. */
function ping(): Uint8Array {
  const packet = new Uint8Array(84)
  packet.set([0x45, 0, 0, 84, 0, 1, 0, 0, 64, 1, 0, 0, 10, 54, 0, 1, 10, 54, 0, 2, 8, 0, 0xf7, 0xff])
  return packet
}

const methods = [
  ...['esp-aes256gcm16', 'esp-aes192gcm16', 'esp-aes128gcm16', 'esp-aes256gcm12', 'esp-aes128gcm8'],
  ...['esp-aes256-sha256', 'esp-aes128-sha512', 'esp-aes192-sha384', 'esp-aes128-sha1', 'esp-aes256-md5'],
  ...['esp-aes128ctr-sha256', 'esp-3des-sha1', 'esp-null-sha256'],
]

test('Wireshark opens every method that the table names, and finds its ICV good', context => {
  if (spawnSync('tshark', ['--version']).error !== undefined) return context.skip('because tshark is not installed')
  const crypto = choosePacketCrypto()
  const bench = new Workbench()
  const database = new AssociationDatabase(crypto)
  const parts: Uint8Array[] = []
  const writer = new CaptureWriter(bytes => parts.push(bytes), [RAW_IP])
  const specs = methods.map((method, index) => spec(method, 0x1000 + index))
  for (const outbound of specs) {
    const pair: AssociationPair = { inbound: outbound, outbound }
    const sealed = sealPacket(bench, database.install(pair, 0), ping())
    assert.ok('packet' in sealed)
    writer.frame(sealed.packet, 1_700_000_000, 0)
  }
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-wireshark-'))
  context.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'esp_sa'), espTable(specs))
  writeFileSync(join(folder, 'one.pcapng'), Buffer.concat(parts))
  const switches = ['esp.enable_encryption_decode:TRUE', 'esp.enable_authentication_check:TRUE'].flatMap(o => ['-o', o])
  const fields = ['esp.spi', 'esp.icv_good', 'icmp.type', 'icmp.checksum.status'].flatMap(field => ['-e', field])
  const tshark = spawnSync('tshark', ['-r', join(folder, 'one.pcapng'), ...switches, '-T', 'fields', ...fields], {
    encoding: 'utf8',
    env: { ...process.env, WIRESHARK_CONFIG_DIR: folder },
  })
  const wanted = methods.map((method, index) => `${method} 0x0000100${index.toString(16)}\t1\t8\t1`)
  const found = tshark.stdout.trimEnd().split('\n')
  assert.deepEqual(
    found.map((line, index) => `${methods[index]} ${line}`),
    wanted,
    tshark.stderr,
  )
})

test('what Wireshark cannot open is left out, so that it does not report faults that are none', () => {
  assert.equal(espTable([spec('esp-chacha20poly1305', 0x2000), spec('esp-aes128ccm16', 0x2001)]), '')
  assert.equal(espTable([{ ...spec('esp-aes256gcm16', 0x2000), extendedSequence: true }]), '')
})
