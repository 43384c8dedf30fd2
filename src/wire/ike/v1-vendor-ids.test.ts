// Vendor IDs of IKEv1.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import {
  isVendor,
  nameOfVendor,
  vendorId,
  vendorOf,
  vendorRows,
  windowsVendorId,
  windowsVersion,
} from './v1-vendor-ids.ts'

describe('vendor IDs of IKEv1', () => {
  for (const { name, front, text } of vendorRows.filter(row => row.text !== undefined)) {
    it(`has the MD5 of ${JSON.stringify(text)} for ${name}`, () => {
      assert.equal(createHash('md5').update(text!).digest('hex'), front)
    })
  }

  it('are told by their front, and no two have the same', () => {
    for (const { key } of vendorRows) {
      assert.equal(vendorOf(vendorId(key)), key)
      assert.equal(vendorOf(Uint8Array.of(...vendorId(key), 1, 2, 3)), key)
    }
    assert.equal(vendorOf(new Uint8Array(0)), undefined)
    assert.equal(nameOfVendor(new Uint8Array(16)), undefined)
    assert.equal(isVendor('xauth', vendorId('unity')), false)
  })

  it('say the version of Windows', () => {
    assert.equal(windowsVersion(windowsVendorId(4)), 4)
    assert.equal(nameOfVendor(windowsVendorId(4)), 'Windows Server 2003')
    assert.equal(nameOfVendor(windowsVendorId(77)), 'Windows, version 77')
    assert.equal(windowsVersion(vendorId('windows')), undefined)
    assert.equal(nameOfVendor(vendorId('windows')), 'Windows')
    assert.equal(vendorId('deadPeerDetection').toHex(), 'afcad71368a1f1c96b8696fc77570100')
  })
})
