// ESP's trailer: padding that fits, counts up and may be of any length.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suitesOf } from '../../test/ipsec-pair.ts'
import { choosePacketCrypto } from '../crypto/packet-crypto.ts'
import { allocateMemory } from '../crypto/packet-engine.ts'
import { type EspSuite, espHeaderBytes, espIcvBytes, keyMaterialBytes, splitKeyMaterial } from '../crypto/suites.ts'
import { Sequence } from './association.ts'
import { espBytes, espRoom, OpenedEsp, openEsp, readWord, sealEsp, writeWord } from './esp.ts'

const crypto = choosePacketCrypto('openssl')
const memory = allocateMemory(4096)
const { bytes } = memory
const methods = ['esp-aes128gcm16', 'esp-aes128-sha256', 'esp-3des-sha1', 'esp-null-sha1']

function ends(security: string) {
  const suite = suitesOf(security)[0] as EspSuite
  const keys = splitKeyMaterial(suite, new Uint8Array(keyMaterialBytes(suite)).fill(7))
  const options = { extendedSequence: false }
  return { suite, sealer: crypto.sealer(suite, keys, options), opener: crypto.opener(suite, keys, options) }
}

test('padding is the least that fills the unit, counts up from one, and is told in one octet', () => {
  for (const security of methods) {
    const { suite, sealer, opener } = ends(security)
    const opened = new OpenedEsp()
    for (const padTo of [undefined, 1, 2, 4, 8, 16, 32, 64, 128, 256]) {
      for (let length = 0; length < 300; length++) {
        const at = 64
        const from = at + espHeaderBytes(suite)
        bytes.fill(0xaa, from, from + length)
        const sequence = new Sequence(false)
        sequence.advance()
        const made = sealEsp(memory, sealer, 0x1234, sequence, 17, from, length, at, padTo)
        assert.equal(made, espBytes(sealer, length, padTo))
        assert.equal(openEsp(memory, opener, at, made, 0, opened), undefined)
        assert.deepEqual({ ...opened }, { at: from, length, nextHeader: 17 })
        const padding = made - espHeaderBytes(suite) - espIcvBytes(suite) - length - 2
        assert.ok(padding >= 0 && padding < Math.max(padTo ?? 1, suite.cipher.blockBytes, 4), `${padding}`)
        assert.equal(bytes[from + length + padding], padding)
        for (let index = 0; index < padding; index++) assert.equal(bytes[from + length + index], index + 1)
      }
    }
  }
})

/** Seals a content with a trailer of the sender's own making. */
function sealRaw(security: string, content: readonly number[]) {
  const { suite, sealer, opener } = ends(security)
  const from = 64 + espHeaderBytes(suite)
  bytes.set(content, from)
  writeWord(bytes, 64, 0x1234)
  writeWord(bytes, 68, 1)
  sealer.seal(memory, 64, from, content.length, 0)
  const opened = new OpenedEsp()
  const length = espHeaderBytes(suite) + content.length + espIcvBytes(suite)
  return { fault: openEsp(memory, opener, 64, length, 0, opened), opened }
}

test('more padding than is needed is accepted, up to 255 octets (KB 276360)', () => {
  const padding = Array.from({ length: 255 }, (_, index) => index + 1)
  const { fault, opened } = sealRaw('esp-aes128-sha256', [...Array<number>(15).fill(9), ...padding, 255, 6])
  assert.equal(fault, undefined)
  assert.equal(opened.length, 15)
  assert.equal(opened.nextHeader, 6)
})

test('padding that does not count up, or is longer than the content, is bad (RFC 4303 §2.4)', () => {
  for (const content of [
    [1, 2, 3, 4, 1, 3, 2, 6],
    [1, 2, 3, 4, 0, 0, 2, 6],
    [1, 2, 3, 4, 5, 6, 7, 6],
    [1, 2, 3, 4, 5, 6, 255, 6],
  ])
    assert.equal(sealRaw('esp-null-sha1', content).fault, 'bad-padding', `${content}`)
  assert.equal(sealRaw('esp-null-sha1', [1, 2, 3, 4, 5, 6, 6, 6]).fault, undefined, 'nothing but padding')
})

test('an ESP packet that is too short to be one is not authentic, and nothing before it is read', () => {
  for (const security of methods) {
    const { suite, opener } = ends(security)
    for (let length = 0; length < espHeaderBytes(suite) + espIcvBytes(suite) + 2; length++)
      assert.equal(openEsp(memory, opener, 64, length, 0, new OpenedEsp()), 'not-authentic')
  }
})

test('the room inside is exact for every size', () => {
  for (const security of methods) {
    const { sealer } = ends(security)
    for (const padTo of [1, 64, 256]) {
      for (let room = 400; room < 800; room++) {
        const inside = espRoom(sealer, room, padTo)
        if (inside < 0) continue
        assert.ok(espBytes(sealer, inside, padTo) <= room)
        assert.ok(espBytes(sealer, inside + 1, padTo) > room)
      }
    }
  }
})

test('words are unsigned', () => {
  writeWord(bytes, 1, 0xfedcba98)
  assert.equal(readWord(bytes, 1), 0xfedcba98)
})
