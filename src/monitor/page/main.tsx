// The monitor's page begins here: token out of the address, feed into the store, store onto the page.
import { render } from 'preact'
import { App, NotLetIn } from './app.tsx'
import { after, askerWith, now, onNextFrame, showTheme, takeTheme, takeToken } from './browser.ts'
import { followFeed } from './feed-client.ts'
import { FeedStore } from './feed-store.ts'
import { escapeAllText } from './plain-text.ts'

escapeAllText()
const firstTheme = takeTheme()
showTheme(firstTheme)
const token = takeToken()
const asker = askerWith(token)
const store = new FeedStore({ now, after, onNextFrame })
render(<App {...{ store, asker, firstTheme }} />, document.body)
void followFeed({
  ...{ asker, after, hear: heard => store.hear(heard) },
  refused: () => render(<NotLetIn hasToken={token !== null} />, document.body),
})
