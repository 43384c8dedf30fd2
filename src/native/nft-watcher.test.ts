// What the kernel tells of tables of nftables, in a namespace of our own.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { insideNamespace } from './namespaces.ts'
import { NftWatcher } from './nft-watcher.ts'
import { twoHosts, whyNoHosts } from './test-namespaces.ts'

const why = whyNoHosts()
const hasNft = spawnSync('nft', ['--version']).error === undefined
const skip = why || (hasNft ? false : 'because nftables is not installed')

test('changes of a table are heard, those of others and of elements that time out are not', { skip }, context => {
  const { left } = twoHosts(context)
  const nft = (text: string) => {
    const ran = spawnSync('ip', ['netns', 'exec', left, 'nft', text], { encoding: 'utf8' })
    assert.equal(ran.status, 0, ran.stderr)
  }
  const watcher = insideNamespace(left, () => new NftWatcher('mine'))
  context.after(() => watcher.close())
  assert.equal(watcher.hasChanged(), false)
  nft('add table inet mine')
  assert.equal(watcher.hasChanged(), true)
  assert.equal(watcher.hasChanged(), false)
  nft('add table inet other; add chain inet other c; delete table inet other')
  assert.equal(watcher.hasChanged(), false)
  nft('add set inet mine s { type ipv4_addr; flags timeout; }')
  assert.equal(watcher.hasChanged(), true)
  nft('add element inet mine s { 10.0.0.1 timeout 1s }')
  assert.equal(watcher.hasChanged(), false)
  for (const change of ['add chain inet mine c', 'add rule inet mine c accept', 'flush chain inet mine c']) {
    nft(change)
    assert.equal(watcher.hasChanged(), true, change)
  }
  nft('flush ruleset')
  assert.equal(watcher.hasChanged(), true)
})
