// Every security method that a policy can name has a suite of packet cryptography, and the two tables agree about it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choosePacketCrypto } from '../src/crypto/packet-crypto.ts'
import { espIcvBytes, suiteOf, whyOld } from '../src/crypto/suites.ts'
import { offerNames, offerOf } from '../src/policy/offers.ts'

test('every method of a policy can be done, is as confidential and as old as it says', () => {
  const crypto = choosePacketCrypto()
  for (const name of offerNames) {
    const offer = offerOf(name)
    assert.ok(offer.ok, name)
    for (const protection of offer.value.protections) {
      const suite = suiteOf(protection)
      assert.ok(suite !== undefined, `${name} has no suite`)
      assert.ok(crypto.enginesFor(suite) !== undefined, `${name} cannot be done`)
      const icvBytes = suite.protocol === 'esp' ? espIcvBytes(suite) : suite.integrity.icvBytes
      assert.equal(icvBytes * 8, protection.icvBits, name)
      const isConfidential = suite.protocol === 'esp' && !['null', 'gmac'].includes(suite.cipher.mode)
      assert.equal(isConfidential, offer.value.confidential, name)
      assert.equal(whyOld(suite).length > 0, offer.value.strength === 'old', name)
    }
  }
})
