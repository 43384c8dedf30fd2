// The sizes that are promised before keys are there, held against what sealing then does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { offerNames } from '../../policy/offers.ts'
import { address, rule } from '../../policy/test-policies.ts'
import { sealedMtu } from './device-setup.ts'

const method = (security: readonly string[], changes = {}) =>
  rule('negotiate', ['any me <-> any'], { security, ...changes })

test('the size that applications see is what is left of the link', () => {
  const gcm = method(['esp-aes128gcm16'])
  // IP 20, UDP 8, SPI and number 8, IV 8, ICV 16, padding to 4 with its two octets of trailer.
  assert.equal(sealedMtu(gcm, 1500, 4, 'udp'), 1500 - 8 - 8 - 8 - 16 - 2)
  assert.equal(sealedMtu(gcm, 1500, 4, 'raw'), 1500 - 8 - 8 - 16 - 2)
  assert.equal(sealedMtu(gcm, 1500, 4), sealedMtu(gcm, 1500, 4, 'udp'))
  assert.equal(sealedMtu({ ...gcm, encapsulation: 'raw' }, 1500, 4), sealedMtu(gcm, 1500, 4, 'raw'))
  const tunnel = { mode: 'tunnel', tunnelEndpoint: address('fd00::9') } as const
  assert.equal(sealedMtu(method(['esp-aes128gcm16'], tunnel), 1500, 4, 'raw'), 1500 - 40 - 8 - 8 - 16 - 2)
  assert.equal(sealedMtu(method(['ah-sha256']), 1500, 4), 1500 - 28)
  assert.equal(sealedMtu(method(['ah-sha256']), 1500, 6), 1500 - 32)
})

test('whichever method is agreed on, it fits, and no path is believed to be smaller than any may be', () => {
  const each = offerNames.map(name => sealedMtu(method([name]), 1500, 4))
  assert.equal(sealedMtu(method(offerNames), 1500, 4), Math.min(...each))
  assert.ok(
    each.every(size => size > 1400 && size < 1500),
    each.join(),
  )
  assert.equal(sealedMtu(method(['esp-aes128gcm16']), 1280, 6), 1280)
  assert.equal(sealedMtu(method([]), 1500, 4), 1500)
})
