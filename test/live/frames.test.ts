// Two real agents with ESP by frames: everything between them stands sealed on the wire, and agents of both kinds understand
// each other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { audit, captureWire, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()

for (const kinds of [
  ['frames', 'frames'],
  ['frames', 'tun'],
] as const) {
  test(`agents seal by ${kinds.join(' and ')}, and nothing is in clear`, { skip }, async context => {
    const [one, two] = await twoAgents(context)
    for (const host of [one, two]) host.writePolicy({ noDefaultExempt: 1, more: ['encapsulation: raw'] })
    const stop = await captureWire(one)
    await Promise.all([one, two].map((host, index) => host.up('--data-plane', kinds[index]!)))
    assert.equal(await one.ping(two.address), 3)
    assert.equal(await one.ping(two.address, 100, '-i', '0.01'), 100)
    assert.equal(await two.ping(one.address, 100, '-i', '0.01', '-s', '4000'), 100)
    const { totals } = await audit(await stop(), one.policy)
    assert.equal(totals['leaked'], 0, JSON.stringify(totals))
    assert.ok(totals['protected']! > 400, JSON.stringify(totals))
    await Promise.all([one.down(), two.down()])
  })
}
