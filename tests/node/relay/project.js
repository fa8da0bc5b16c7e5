// What a front end with Relay asks: a page that grows, an entity that is read again, a subscription.
import { graphql } from 'relay-runtime';

graphql`
  query projectPageQuery($identifier: String!, $count: Int!, $cursor: String) {
    project(identifier: $identifier) {
      id
      code
      ...project_samples @arguments(count: $count, cursor: $cursor)
    }
    viewer {
      user
    }
  }
`;

graphql`
  fragment project_samples on Project
  @refetchable(queryName: "projectSamplesPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    samples(first: $count, after: $cursor) @connection(key: "project_samples") {
      totalCount
      edges {
        node {
          ...project_sample
        }
      }
    }
  }
`;

graphql`
  fragment project_sample on Sample @refetchable(queryName: "projectSampleRefetchQuery") {
    id
    code
    properties {
      code
      value
    }
    imaging {
      status
      dataset {
        images(first: 5) {
          edges {
            node {
              id
              name
              pixelSize {
                x {
                  value
                  unit
                }
              }
            }
          }
        }
      }
    }
  }
`;

graphql`
  query projectNodeQuery($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on Image {
        name
      }
      ...project_sample @alias(as: "sample")
    }
  }
`;

graphql`
  mutation projectLoginMutation($username: String!, $password: String!) {
    login(username: $username, password: $password) {
      token
      userErrors {
        code
        message
      }
    }
  }
`;

graphql`
  subscription projectLinkChangesSubscription($after: BigInt) {
    linkChanges(after: $after) {
      revision
      link {
        id
        state
      }
    }
  }
`;
