// The saved questions, as the server lists them: files of its own, each with a title, whom it is for and
// a sentence; the same files are tests.
export interface Question {
  name: string;
  title: string;
  audience: string;
  explanation: string;
  query: string;
  variables: string;
}

let asked: Promise<Question[]> | null = null;

/** Read the list once. */
export function loadQuestions(): Promise<Question[]> {
  asked ??= fetch("/explorer/questions.json").then((response) => response.json() as Promise<Question[]>);
  return asked;
}
