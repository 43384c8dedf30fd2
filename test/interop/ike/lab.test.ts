// The lab itself: that other implementations understand each other in it, and that what they say is what our codecs, keys
// and signatures make of it. Each scenario is a live exchange.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { whyNoGuest } from '../uml/guest-machine.ts'
import { judgeExchange } from './exchange-truth.ts'
import { whyNoLibreswan } from './guest-libreswan.ts'
import { LabExchanges, psk, scenarios } from './lab-exchanges.ts'
import { whyNoRoom } from './lab-room.ts'
import { whyNoStrongSwan } from './strongswan.ts'

const whyNot = whyNoRoom() || whyNoStrongSwan()

test('everything that the lab needs is here', { skip: process.env['SEALWIRE_LAB'] !== 'required' }, () => {
  assert.deepEqual([whyNot, whyNoGuest(), whyNoLibreswan()].filter(Boolean), [])
})

describe('what two strongSwans agree on is what our keys and codecs make of it', { skip: whyNot || false }, () => {
  const lab = new LabExchanges()
  before(() => lab.start())
  after(() => lab.stop())

  for (const scenario of scenarios) {
    test(scenario.name, async context => {
      const { datagrams, secrets, took } = await lab.run(scenario)
      const { messages, proofs } = judgeExchange({ datagrams, secrets, psk })
      const fragments = Math.max(...messages.map(({ pieces }) => pieces))
      assert.ok(fragments > 1 || scenario.padding === undefined, 'fragments where certificates are large')
      context.diagnostic(`${Math.round(took)} ms, ${proofs.initiator}, ${datagrams.length} datagrams`)
    })
  }
})
