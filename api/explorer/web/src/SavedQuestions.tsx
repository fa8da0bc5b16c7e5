// The sidebar with the saved questions: a click opens one in the tab on screen and runs it.
import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { Kind, parse } from "graphql";
import { useEffect, useState } from "react";
import { loadQuestions, type Question } from "./questions";

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M4 5h16M4 12h16M4 19h10" />
      <path d="M17 16l4 3-4 3z" fill="currentColor" />
    </svg>
  );
}

function Content() {
  const [questions, setQuestions] = useState<Question[]>([]);
  const { addTab, run, setOperationFacts } = useGraphiQLActions();
  const { queryEditor, variableEditor } = useGraphiQL(({ queryEditor, variableEditor }) => ({ queryEditor, variableEditor }));
  useEffect(() => void loadQuestions().then(setQuestions), []);

  function open(question: Question) {
    // What the user has typed is kept: a saved question opens beside it, unless the tab is empty.
    if (queryEditor?.getValue().trim() && !questions.some(({ query }) => query === queryEditor.getValue())) addTab();
    queryEditor?.setValue(question.query);
    variableEditor?.setValue(question.variables);
    // The editor finds out by itself what it holds, but only after a while; `run` needs it now.
    const documentAST = parse(question.query);
    const operations = documentAST.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
    setOperationFacts({ documentAST, operations, operationName: operations[0]?.name?.value });
    run();
  }

  const audiences = [...new Set(questions.map(({ audience }) => audience))];
  return (
    <section className="questions" aria-label="Saved questions">
      <h2>Saved questions</h2>
      {audiences.map((audience) => (
        <div key={audience}>
          <h3>{audience}</h3>
          <ul>
            {questions
              .filter((question) => question.audience === audience)
              .map((question) => (
                <li key={question.name}>
                  <button type="button" data-question={question.name} onClick={() => open(question)}>
                    {question.title}
                  </button>
                  <p>{question.explanation}</p>
                </li>
              ))}
          </ul>
        </div>
      ))}
    </section>
  );
}

export const SAVED_QUESTIONS: GraphiQLPlugin = { title: "Saved questions", icon: Icon, content: Content };
