// A guest in Debian's Firefox: the app's own address, sign-in by mailed code, Review permissions,
// the app; then the app once more without its cookie. Reads two lines: what it is told as JSON, and
// the code, when it asks for one. Prints a word, and at the end as JSON what it saw.
import readline from 'node:readline'
import puppeteer from 'puppeteer-core'

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const line = async () => (await lines.next()).value
const told = JSON.parse(await line())

const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath: told.firefox,
  headless: true,
})
try {
  const page = await browser.newPage()
  const shown = []
  page.on('response', (answer) => {
    if (answer.request().isNavigationRequest() && answer.status() < 300) shown.push(answer.url())
  })
  const heading = (words) => page.waitForSelector(`::-p-xpath(//h1[contains(., "${words}")])`)
  const press = (words) =>
    Promise.all([
      page.waitForNavigation(),
      page.click(`::-p-xpath(//button[normalize-space(.)="${words}"])`),
    ])

  await page.goto(told.room)
  await heading('Sign in to Fabrikam')
  await page.type('input[name=address]', told.address)
  await press('Send me a code')
  await heading('Enter the code')
  console.log('code')
  await page.type('input[name=code]', await line())
  await press('Continue')
  await heading('Review permissions')
  const review = page.url()
  await press('Accept')
  await heading('Welcome')
  const entered = page.url()

  await page.deleteCookie(...(await page.cookies()).filter((one) => one.name === told.cookie))
  shown.length = 0
  await page.goto(told.room)
  await heading('Welcome')
  console.log(JSON.stringify({ review, entered, shown }))
} finally {
  await browser.close()
}
