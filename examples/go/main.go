// The four verbs on the demo model: a Search is followed across lost connections, and an error is read in full.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	pb "example.com/prunecast/gen/prunecast/v1"
)

const model = "stories260k"

var text = &pb.Text{Source: &pb.Text_Path{Path: "stories260k/stories.json"}}

func main() {
	log.SetFlags(0)
	address := "127.0.0.1:50051"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	connection, err := connect(address)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	if err := run(context.Background(), &server{pb.NewPruningServiceClient(connection), pb.NewJobServiceClient(connection)}); err != nil {
		printError(err)
		os.Exit(1)
	}
}

type server struct {
	pruning pb.PruningServiceClient
	jobs    pb.JobServiceClient
}

func run(ctx context.Context, server *server) error {
	if err := server.evaluate(ctx); err != nil {
		return err
	}
	report, err := server.search(ctx)
	if err != nil {
		return err
	}
	if err := server.predict(ctx, report); err != nil {
		return err
	}
	if err := server.prune(ctx); err != nil {
		return err
	}
	return server.pruneTooMuch(ctx)
}

// Measures the unpruned model on 4,096 tokens.
func (s *server) evaluate(ctx context.Context) error {
	tokens := int64(4096)
	request := &pb.EvaluateRequest{
		RequestId:   newRequestID("evaluate"),
		Model:       model,
		Measurement: &pb.MeasurementSpec{Text: text},
		Fidelity:    &pb.FidelitySpec{TokenLimit: &tokens},
	}
	_, err := s.follow(ctx, start(ctx, s.pruning.Evaluate, request), func(event *pb.JobEvent) {
		if result := event.GetEvaluation(); result != nil {
			fmt.Printf("evaluate: the unpruned model has a perplexity of %.3f\n", result.Metrics["perplexity"])
		}
	})
	return err
}

// Searches for the best model with a fifth fewer parameters.
func (s *server) search(ctx context.Context) (*pb.StudyReport, error) {
	request := &pb.SearchRequest{
		RequestId: newRequestID("search"),
		Model:     model,
		Texts:     &pb.StudyTexts{Text: text},
		Budgets:   []*pb.Budget{{Limit: &pb.Budget_RemovedShare{RemovedShare: 0.2}}},
		Effort:    pb.Effort_EFFORT_QUICK,
		Output:    "go-winner",
		Overwrite: true,
	}
	ended, err := s.follow(ctx, start(ctx, s.pruning.Search, request), func(event *pb.JobEvent) {
		switch payload := event.Payload.(type) {
		case *pb.JobEvent_Progress:
			fmt.Printf("search: event %d, %s %d/%d\n", event.Sequence, payload.Progress.Activity, payload.Progress.Done, payload.Progress.Total)
		case *pb.JobEvent_Ended:
			fmt.Printf("search: event %d, ended: %s\n", event.Sequence, payload.Ended.GetSearch().GetSummary())
		default:
			fmt.Printf("search: event %d, %T\n", event.Sequence, payload)
		}
	})
	return ended.GetSearch(), err
}

// Asks the predictor of the study about the winner, without running the model.
func (s *server) predict(ctx context.Context, report *pb.StudyReport) error {
	answer, err := s.pruning.Predict(ctx, &pb.PredictRequest{
		PredictorId:   report.PredictorId,
		Architectures: []*pb.Architecture{report.Winner.Architecture},
	})
	if err != nil {
		return err
	}
	for _, prediction := range answer.Predictions {
		fmt.Printf("predict: the winner's %s is %.3f, from %.3f to %.3f\n", prediction.Metric, prediction.Mean[0], prediction.Low[0], prediction.High[0])
	}
	return nil
}

// Removes a fifth of each layer's heads and channels.
func (s *server) prune(ctx context.Context) error {
	request := &pb.PruneRequest{
		RequestId: newRequestID("prune"),
		Model:     model,
		Selection: &pb.PruneRequest_UniformRate{UniformRate: 0.2},
		Recipe:    &pb.Recipe{Calibration: &pb.Calibration{Text: text}},
		Output:    "go-pruned",
		Overwrite: true,
	}
	ended, err := s.follow(ctx, start(ctx, s.pruning.Prune, request), func(*pb.JobEvent) {})
	if err != nil {
		return err
	}
	fmt.Printf("prune: wrote %s, %d bytes\n", ended.GetPrune().Output, ended.GetPrune().Bytes)
	return nil
}

// A rate above 1 is refused.
func (s *server) pruneTooMuch(ctx context.Context) error {
	request := &pb.PruneRequest{Model: model, Selection: &pb.PruneRequest_UniformRate{UniformRate: 1.5}, Output: "never"}
	_, err := s.follow(ctx, start(ctx, s.pruning.Prune, request), func(*pb.JobEvent) {})
	if err == nil {
		return errors.New("a rate of 1.5 was taken")
	}
	printError(err)
	return nil
}

// An id of its own for each job: a start that is repeated with the same id attaches to the job.
func newRequestID(verb string) string {
	return fmt.Sprintf("go-%s-%d", verb, time.Now().UnixNano())
}
