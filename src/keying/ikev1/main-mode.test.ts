import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestNet } from '../test-hosts.ts'
import { twoHosts } from './test-hosts-v1.ts'

test('two hosts with a pre-shared key come to keys for packets in main mode and quick mode', () => {
  const net = new TestNet(1)
  const [left, right] = twoHosts(net)
  left.needs(right)
  net.advance(2)
  assert.ok(left.reaches(right), net.picture())
  assert.ok(right.reaches(left), net.picture())
  assert.equal(left.endpoint.sessions()[0]?.version, 1)
})
